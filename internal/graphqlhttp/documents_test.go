package graphqlhttp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestDocuments checks that what is kept stays within both bounds, and that
// what was used last stays.
func TestDocuments(t *testing.T) {
	for _, size := range []int{20, 16 << 10} {
		d := newDocuments()
		text := func(i int) string { return fmt.Sprintf("%-*d", size, i) }
		often := strings.Repeat("x", size)
		d.Add(t.Context(), often, &ast.QueryDocument{})
		for i := range 2_000 {
			d.Add(t.Context(), text(i), &ast.QueryDocument{})
			d.Add(t.Context(), text(i), &ast.QueryDocument{})
			if _, ok := d.Get(t.Context(), often); !ok {
				t.Fatalf("what is used after each addition is gone after %d", i)
			}
		}
		sum := 0
		for _, key := range d.byUse.Keys() {
			sum += len(key)
		}
		if sum != d.bytes || sum > keptDocumentBytes || d.byUse.Len() > keptDocuments {
			t.Errorf("keeps %d documents of %d bytes, and counts %d", d.byUse.Len(), sum, d.bytes)
		}
		if _, ok := d.Get(t.Context(), text(0)); ok {
			t.Error("the oldest is still there")
		}
	}
}
