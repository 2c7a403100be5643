// Package loaded keeps the edges of an entity that were read ahead for a
// GraphQL selection. One entity may hold the same edge several times, under
// several response keys, with other arguments each.
package loaded

// Edges are few, so a search beats a map. The zero value is empty.
type Edges []edge

type edge struct {
	key   string
	value any
}

// Get returns what was put under the response key, and whether anything was.
func (e Edges) Get(key string) (any, bool) {
	for i := range e {
		if e[i].key == key {
			return e[i].value, true
		}
	}
	return nil, false
}

// Put stores value under a response key that has none yet.
func (e *Edges) Put(key string, value any) { *e = append(*e, edge{key, value}) }
