package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestUsers checks who finds whom: staff everybody, everybody else itself and
// those who made assignments of its patients.
func TestUsers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		asha, ben, chandra := a.register(t, "asha"), a.register(t, "Ben"), a.staff(t, "chandra")
		a.assign(t, chandra, a.createPatient(t, asha, "Arjun"), a.createDoctor(t, asha, "Dr. Rao", "R-1"))
		if _, err := db.Exec("UPDATE users SET phone = '9123456780', role = 'patient', is_active = false, date_joined = '2020-01-02 03:04:05+00:00' WHERE id = $1", ben.id); err != nil {
			t.Fatal(err)
		}
		const list = `query($filter: UserFilter) { users(filter: $filter, orderBy: {field: USERNAME}) { totalCount nodes { username } } }`
		found := func(names ...string) string {
			nodes := make([]string, len(names))
			for i, name := range names {
				nodes[i] = `{"username":"` + name + `"}`
			}
			return fmt.Sprintf(`{"data":{"users":{"totalCount":%d,"nodes":[%s]}}}`, len(names), strings.Join(nodes, ","))
		}
		tests := []struct {
			name        string
			filter      map[string]any
			staff, asha string
		}{
			{"no filter", nil, found("asha", "Ben", "chandra"), found("asha", "chandra")},
			{"an empty filter", map[string]any{}, found("asha", "Ben", "chandra"), found("asha", "chandra")},
			{"username", map[string]any{"search": " BE"}, found("Ben"), found()},
			{"email", map[string]any{"search": "ASHA@example"}, found("asha"), found("asha")},
			{"phone", map[string]any{"search": "+91 91234 56780"}, found("Ben"), found()},
			{"part of a phone", map[string]any{"search": "3456"}, found("Ben"), found()},
			{"nobody", map[string]any{"search": "nobody"}, found(), found()},
			{"a wildcard is a letter", map[string]any{"search": "%"}, found(), found()},
			{"role", map[string]any{"role": "PATIENT"}, found("Ben"), found()},
			{"active", map[string]any{"isActive": true}, found("asha", "chandra"), found("asha", "chandra")},
			{"deactivated", map[string]any{"isActive": false}, found("Ben"), found()},
			{"staff", map[string]any{"isStaff": true}, found("chandra"), found("chandra")},
			{"not staff", map[string]any{"isStaff": false}, found("asha", "Ben"), found("asha")},
			{"all at once", map[string]any{"search": "e", "role": "DOCTOR", "isActive": true, "isStaff": false}, found("asha"), found("asha")},
		}
		for _, tt := range tests {
			variables := map[string]any{"filter": tt.filter}
			a.expect(t, tt.name+", staff", chandra, list, variables, tt.staff)
			a.expect(t, tt.name+", a user", asha, list, variables, tt.asha)
			a.expect(t, tt.name+", anonymous", caller{}, list, variables, unauthenticated)
			a.expect(t, tt.name+", deactivated", ben, list, variables, unauthenticated)
		}
		a.expect(t, "newest first", chandra, `{ users { nodes { username } } }`, nil,
			`{"data":{"users":{"nodes":[{"username":"chandra"},{"username":"asha"},{"username":"Ben"}]}}}`)
		a.expect(t, "too long", asha, list, map[string]any{"filter": map[string]any{"search": strings.Repeat("a", 201)}}, "BAD_USER_INPUT:search")
		a.expect(t, "too many", chandra, `{ users(first: 101) { totalCount } }`, nil, "BAD_USER_INPUT:first")

		one := `query($id: ID!) { user(id: $id) { username } }`
		for _, tt := range []struct {
			name   string
			caller caller
			id     int
			want   string
		}{
			{"itself", asha, asha.id, `{"data":{"user":{"username":"asha"}}}`},
			{"who assigned", asha, chandra.id, `{"data":{"user":{"username":"chandra"}}}`},
			{"another", asha, ben.id, notFound},
			{"nobody", asha, 987654321, notFound},
			{"staff, another", chandra, ben.id, `{"data":{"user":{"username":"Ben"}}}`},
			{"staff, nobody", chandra, 987654321, notFound},
			{"anonymous", caller{}, asha.id, unauthenticated},
		} {
			a.expect(t, tt.name, tt.caller, one, map[string]any{"id": tt.id}, tt.want)
		}
	})
}

// TestUserNames checks that usernames are searched and ordered without regard
// to case, in every script, alike on both databases.
func TestUserNames(t *testing.T) {
	names := []string{"alpha", "ALPHB", "beta", "Straße", "Ünal", "ÿ", "ΑΛΈΞΑΝΔΡΟΣ", "अर्जुन", "\u092b\u093c\u093e\u0924\u093f\u092e\u093e"} // in order
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		for i, name := range names {
			status, reply := a.send(t, "POST", "/api/auth/register/", "", fmt.Sprintf(`{"username":%q,"email":"%c@example.com","password":%q,"role":"doctor"}`, name, 'z'-rune(i), password))
			if status != 201 {
				t.Fatal(reply)
			}
		}
		chandra := a.staff(t, "0chandra")
		ask := func(arguments, q string) (found []string) {
			var in struct {
				Data struct {
					Users struct{ Nodes []struct{ Username string } }
				}
			}
			a.read(t, chandra, `query($q: String) { users(filter: {search: $q, isStaff: false}, orderBy: `+arguments+`) { nodes { username } } }`, map[string]any{"q": q}, &in)
			for _, n := range in.Data.Users.Nodes {
				found = append(found, n.Username)
			}
			return found
		}
		backward := slices.Clone(names)
		slices.Reverse(backward)
		for _, tt := range []struct {
			arguments, search string
			want              []string
		}{
			{"{field: USERNAME}", "", names},
			{"{field: USERNAME, direction: DESC}", "", backward},
			{"{field: EMAIL}", "", backward},
			{"{field: DATE_JOINED}", "", names},
			{"{field: USERNAME}", "lph", names[:2]},
			{"{field: USERNAME}", "STRASSE", names[3:4]},
			{"{field: USERNAME}", "u\u0308NAL", names[4:5]},
			{"{field: USERNAME}", "αλέξανδρος", names[6:7]},
			{"{field: USERNAME}", "अर्जुन", names[7:8]},
			{"{field: USERNAME}", "\u095e\u093e\u0924\u093f\u092e\u093e", names[8:9]}, // composed otherwise
		} {
			if got := ask(tt.arguments, tt.search); !slices.Equal(got, tt.want) {
				t.Errorf("%s %q finds %q, want %q", tt.arguments, tt.search, got, tt.want)
			}
		}
	})
}

// TestUserPages checks that walking the users in any ordering, from either end,
// meets each once and in order, in few statements, also with their patients.
func TestUserPages(t *testing.T) {
	const rows = 57
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := newAPI(t, db)
		chandra := a.staff(t, "chandra")
		for i := 1; i < rows; i++ {
			name := fmt.Sprint([]string{"Name", "name", "nAme-", "other"}[i%4], i)
			_, err := db.Exec(`INSERT INTO users (username, username_key, email, role, password_hash, is_active, is_staff, date_joined) VALUES ($1, $2, $3, $4, 'x', true, $5, $6)`,
				name, strings.ToLower(name), fmt.Sprint([]string{"a", "a-b", "a.b", "ab"}[i%4], i, "@example.com"), []string{"doctor", "patient"}[i%2], i%5 == 0, time.Date(2025, 1, 31, 10, 30, i%6, 123456000, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
		}
		var all struct {
			Data struct{ Users struct{ Nodes []record } }
		}
		a.read(t, chandra, `{ users(first: 100) { nodes { id username email createdAt: dateJoined isActive: isStaff } } }`, nil, &all)
		people := all.Data.Users.Nodes
		keys := map[string]func(record) string{
			"USERNAME":    func(r record) string { return strings.ToLower(r.Username) },
			"EMAIL":       func(r record) string { return r.Email },
			"DATE_JOINED": func(r record) string { return r.CreatedAt },
		}
		for _, list := range []struct {
			filter string
			want   []record
		}{
			{"", people},
			{`filter: {isStaff: false, search: "N"}`, filtered(people, func(r record) bool { return !r.IsActive && strings.Contains(strings.ToLower(r.Username), "n") })},
		} {
			for order, key := range keys {
				for _, direction := range []string{"ASC", "DESC"} {
					t.Run(list.filter+" "+order+" "+direction, func(t *testing.T) {
						if n := len(list.want); n < 20 || n == rows && list.filter != "" {
							t.Fatalf("%d records prove little", n)
						}
						arguments := fmt.Sprintf("orderBy: {field: %s, direction: %s} %s", order, direction, list.filter)
						page := func(size int, forward bool, at *string) connection {
							return a.page(t, chandra, "", 0, "users", arguments, size, forward, at)
						}
						walk(t, page, sorted(list.want, key, direction == "DESC"), 13, true)
						walk(t, page, sorted(list.want, key, direction == "DESC"), 19, false)
					})
				}
			}
		}
		a.createPatient(t, chandra, "Arjun")
		for _, size := range []int{1, rows} {
			before := a.statements.Load()
			a.must(t, chandra, fmt.Sprintf(`{ users(first: %d) { totalCount edges { cursor node { username patients(first: 5) { nodes { name mappings { id } } } } } } }`, size), nil)
			// The sign-in check, the users, their count, the patients, the mappings.
			if n := a.statements.Load() - before; n != 5 {
				t.Errorf("a page of %d users with their patients took %d statements, want 5", size, n)
			}
		}
		a.expect(t, "another ordering's cursor", chandra, `query($at: Cursor) { users(after: $at) { totalCount } }`, map[string]any{"at": "bm90aGluZw"}, "BAD_USER_INPUT:after")
		a.expect(t, "too costly", chandra, `{ users(first: 100) { nodes { patients(first: 100) { nodes { id } } } } }`, nil, "TOO_COMPLEX")
	})
}
