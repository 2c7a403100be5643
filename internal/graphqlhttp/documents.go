package graphqlhttp

import (
	"context"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"
)

// Bounds of the documents that are kept parsed. A parsed document takes about
// 60 times its text.
const (
	keptDocuments     = 500
	keptDocumentBytes = 512 << 10 // of text
)

// kept keeps what belongs to documents by a key, those used last, bounded in
// number and in bytes of the documents' texts. Its methods may be called
// concurrently.
type kept[V any] struct {
	size func(key string, v V) int

	mu    sync.Mutex
	byUse *simplelru.LRU[string, V]
	bytes int
}

func newKept[V any](size func(key string, v V) int) *kept[V] {
	k := &kept[V]{size: size}
	byUse, err := simplelru.NewLRU(math.MaxInt, func(key string, v V) { k.bytes -= size(key, v) })
	if err != nil {
		panic(err) // the size is a constant
	}
	k.byUse = byUse
	return k
}

// newDocuments keeps validated documents by their text.
func newDocuments() *kept[*ast.QueryDocument] {
	return newKept(func(text string, _ *ast.QueryDocument) int { return len(text) })
}

// Get returns what is kept under the key, if anything is.
func (k *kept[V]) Get(_ context.Context, key string) (V, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byUse.Get(key)
}

// Add keeps a value until others that are used later need its place.
func (k *kept[V]) Add(_ context.Context, key string, v V) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.byUse.Contains(key) {
		k.bytes += k.size(key, v)
	}
	k.byUse.Add(key, v)
	for k.byUse.Len() > keptDocuments || k.bytes > keptDocumentBytes {
		k.byUse.RemoveOldest()
	}
}
