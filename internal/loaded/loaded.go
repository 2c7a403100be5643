// Package loaded keeps what was read for a GraphQL selection beside an entity:
// its edges, and through which record it was found. One entity may hold the
// same edge several times, under several response keys, with other arguments
// each.
package loaded

// Edges are few, so a search beats a map. The zero value is empty.
type Edges struct {
	Parent int // the id of the record whose edge led here, if the query says so
	edges  []edge
}

type edge struct {
	key   string
	value any
}

// Get returns what was put under the response key, and whether anything was.
func (e *Edges) Get(key string) (any, bool) {
	for i := range e.edges {
		if e.edges[i].key == key {
			return e.edges[i].value, true
		}
	}
	return nil, false
}

// Put stores value under a response key that has none yet.
func (e *Edges) Put(key string, value any) { e.edges = append(e.edges, edge{key, value}) }

// Clear forgets all edges; it leaves those of copies as they are.
func (e *Edges) Clear() { e.edges = nil }
