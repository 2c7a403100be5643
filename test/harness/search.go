package harness

import (
	"fmt"
	"slices"
	"testing"
)

// Walk checks the first pages of a search from one end against all that it is to
// find.
func (a *API) Walk(t *testing.T, c Caller, search, filter, direction, size, cursor string, want []string) {
	t.Helper()
	const most = 60 // on a page
	document := fmt.Sprintf(`query($q: String!, $at: Cursor) {
		patients(filter: {search: $q %s}, orderBy: {field: NAME, direction: %s}, %s: %d, %s: $at) {
			totalCount nodes { id } pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
		}
	}`, filter, direction, size, most, cursor)
	variables := map[string]any{"q": search}
	total := len(want)
	for range 4 {
		var found struct {
			Data struct {
				Patients struct {
					TotalCount int
					Nodes      []struct{ ID string }
					PageInfo   struct {
						StartCursor, EndCursor       string
						HasNextPage, HasPreviousPage bool
					}
				}
			}
		}
		a.Read(t, c, document, variables, &found)
		page := found.Data.Patients
		n := min(most, len(want))
		expected, rest, more, at := want[:n], want[n:], page.PageInfo.HasNextPage, page.PageInfo.EndCursor
		if size == "last" {
			n = len(want) - n
			expected, rest, more, at = want[n:], want[:n], page.PageInfo.HasPreviousPage, page.PageInfo.StartCursor
		}
		got := []string{}
		for _, node := range page.Nodes {
			got = append(got, node.ID)
		}
		if !slices.Equal(got, expected) || more != (len(rest) > 0) || page.TotalCount != total {
			t.Fatalf("%s %s of %q: %v and more: %v of %d; want %v and more: %v of %d", size, cursor, search, got, more, page.TotalCount, expected, len(rest) > 0, total)
		}
		if !more {
			return
		}
		want, variables["at"] = rest, at
	}
}
