package graph

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

// documents keeps validated documents by their text, those used last, bounded
// in number and bytes. Its methods may be called concurrently.
type documents struct {
	mu    sync.Mutex
	byUse *simplelru.LRU[string, *ast.QueryDocument]
	bytes int
}

func newDocuments() *documents {
	d := &documents{}
	byUse, err := simplelru.NewLRU(math.MaxInt, func(text string, _ *ast.QueryDocument) { d.bytes -= len(text) })
	if err != nil {
		panic(err) // the size is a constant
	}
	d.byUse = byUse
	return d
}

// Get returns the document with the text, if it is kept.
func (d *documents) Get(_ context.Context, text string) (*ast.QueryDocument, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.byUse.Get(text)
}

// Add keeps a document until others that are used later need its place.
func (d *documents) Add(_ context.Context, text string, doc *ast.QueryDocument) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.byUse.Contains(text) {
		d.bytes += len(text)
	}
	d.byUse.Add(text, doc)
	for d.byUse.Len() > keptDocuments || d.bytes > keptDocumentBytes {
		d.byUse.RemoveOldest()
	}
}
