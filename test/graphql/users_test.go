package graphql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

const updateUser = `mutation($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { isActive isStaff role } }`

// change returns the variables of updateUser; pairs are fields and values.
func change(id int, pairs ...any) map[string]any {
	input := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		input[pairs[i].(string)] = pairs[i+1]
	}
	return map[string]any{"id": id, "input": input}
}

// servers returns two servers, each with connections of its own, on one
// database of the kind.
func servers(t *testing.T, kind string) [2]*harness.API {
	t.Helper()
	url := storetest.URL(t, kind)
	return [2]*harness.API{harness.New(t, storetest.Open(t, url)), harness.New(t, storetest.Open(t, url))}
}

// TestUsers checks who finds whom: staff everybody, everybody else itself and
// those who made assignments of its patients.
func TestUsers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, chandra := a.Register(t, "asha"), a.Register(t, "Ben"), a.Staff(t, "chandra")
		a.Assign(t, chandra, a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1"))
		if _, err := db.Exec("UPDATE users SET phone = '9123456780', role = 'patient', is_active = false, date_joined = '2020-01-02 03:04:05+00:00' WHERE id = $1", ben.ID); err != nil {
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
			a.Expect(t, tt.name+", staff", chandra, list, variables, tt.staff)
			a.Expect(t, tt.name+", a user", asha, list, variables, tt.asha)
			a.Expect(t, tt.name+", anonymous", harness.Caller{}, list, variables, harness.Unauthenticated)
			a.Expect(t, tt.name+", deactivated", ben, list, variables, harness.Unauthenticated)
		}
		a.Expect(t, "newest first", chandra, `{ users { nodes { username } } }`, nil,
			`{"data":{"users":{"nodes":[{"username":"chandra"},{"username":"asha"},{"username":"Ben"}]}}}`)
		a.Expect(t, "too long", asha, list, map[string]any{"filter": map[string]any{"search": strings.Repeat("a", 201)}}, "BAD_USER_INPUT:search")
		a.Expect(t, "too many", chandra, `{ users(first: 101) { totalCount } }`, nil, "BAD_USER_INPUT:first")

		one := `query($id: ID!) { user(id: $id) { username } }`
		for _, tt := range []struct {
			name   string
			caller harness.Caller
			id     int
			want   string
		}{
			{"itself", asha, asha.ID, `{"data":{"user":{"username":"asha"}}}`},
			{"who assigned", asha, chandra.ID, `{"data":{"user":{"username":"chandra"}}}`},
			{"another", asha, ben.ID, harness.NotFound},
			{"nobody", asha, 987654321, harness.NotFound},
			{"staff, another", chandra, ben.ID, `{"data":{"user":{"username":"Ben"}}}`},
			{"staff, nobody", chandra, 987654321, harness.NotFound},
			{"anonymous", harness.Caller{}, asha.ID, harness.Unauthenticated},
		} {
			a.Expect(t, tt.name, tt.caller, one, map[string]any{"id": tt.id}, tt.want)
		}
	})
}

// TestUserNames checks that usernames are searched and ordered without regard
// to case, in every script, alike on both databases.
func TestUserNames(t *testing.T) {
	names := []string{"alpha", "ALPHB", "beta", "Straße", "Ünal", "ÿ", "ΑΛΈΞΑΝΔΡΟΣ", "अर्जुन", "\u092b\u093c\u093e\u0924\u093f\u092e\u093e"} // in order
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		for i, name := range names {
			status, reply := a.Send(t, "POST", "/api/auth/register/", "", fmt.Sprintf(`{"username":%q,"email":"%c@example.com","password":%q,"role":"doctor"}`, name, 'z'-rune(i), harness.Password))
			if status != 201 {
				t.Fatal(reply)
			}
		}
		chandra := a.Staff(t, "0chandra")
		ask := func(arguments, q string) (found []string) {
			var in struct {
				Data struct {
					Users struct{ Nodes []struct{ Username string } }
				}
			}
			a.Read(t, chandra, `query($q: String) { users(filter: {search: $q, isStaff: false}, orderBy: `+arguments+`) { nodes { username } } }`, map[string]any{"q": q}, &in)
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
		a := harness.New(t, db)
		chandra := a.Staff(t, "chandra")
		for i := 1; i < rows; i++ {
			name := fmt.Sprint([]string{"Name", "name", "nAme-", "other"}[i%4], i)
			_, err := db.Exec(`INSERT INTO users (username, username_key, email, role, clinic_id, password_hash, is_active, is_staff, date_joined) VALUES ($1, $2, $3, $4, (SELECT min(id) FROM clinics), 'x', true, $5, $6)`,
				name, strings.ToLower(name), fmt.Sprint([]string{"a", "a-b", "a.b", "ab"}[i%4], i, "@example.com"), []string{"doctor", "patient"}[i%2], i%5 == 0, time.Date(2025, 1, 31, 10, 30, i%6, 123456000, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
		}
		var all struct {
			Data struct {
				Users struct{ Nodes []harness.Record }
			}
		}
		a.Read(t, chandra, `{ users(first: 100) { nodes { id username email createdAt: dateJoined isActive: isStaff } } }`, nil, &all)
		people := all.Data.Users.Nodes
		keys := map[string]func(harness.Record) string{
			"USERNAME":    func(r harness.Record) string { return strings.ToLower(r.Username) },
			"EMAIL":       func(r harness.Record) string { return r.Email },
			"DATE_JOINED": func(r harness.Record) string { return r.CreatedAt },
		}
		for _, list := range []struct {
			filter string
			want   []harness.Record
		}{
			{"", people},
			{`filter: {search: "ame"}`, filtered(people, func(r harness.Record) bool { return strings.Contains(strings.ToLower(r.Username), "ame") })},
			{`filter: {isStaff: false, search: "N"}`, filtered(people, func(r harness.Record) bool { return !r.IsActive && strings.Contains(strings.ToLower(r.Username), "n") })},
		} {
			for order, key := range keys {
				for _, direction := range []string{"ASC", "DESC"} {
					t.Run(list.filter+" "+order+" "+direction, func(t *testing.T) {
						if n := len(list.want); n < 20 || n == rows && list.filter != "" {
							t.Fatalf("%d records prove little", n)
						}
						arguments := fmt.Sprintf("orderBy: {field: %s, direction: %s} %s", order, direction, list.filter)
						page := func(size int, forward bool, at *string) harness.Connection {
							return a.Page(t, chandra, "", 0, "users", arguments, size, forward, at)
						}
						walk(t, page, sorted(list.want, key, direction == "DESC"), 13, true)
						walk(t, page, sorted(list.want, key, direction == "DESC"), 19, false)
					})
				}
			}
		}
		a.CreatePatient(t, chandra, "Arjun")
		for size, want := range map[int]int64{1: 6, rows: 5} {
			before := a.Statements.Load()
			a.Must(t, chandra, fmt.Sprintf(`{ users(first: %d) { totalCount edges { cursor node { username patients(first: 5) { nodes { name mappings { id } } } } } } }`, size), nil)
			// The sign-in check, the users, their count if the page does not tell, the patients, the mappings, the
			// access log.
			if n := a.Statements.Load() - before; n != want {
				t.Errorf("a page of %d users with their patients took %d statements, want %d", size, n, want)
			}
		}
		a.Expect(t, "another ordering's cursor", chandra, `query($at: Cursor) { users(after: $at) { totalCount } }`, map[string]any{"at": "bm90aGluZw"}, "BAD_USER_INPUT:after")
		a.Expect(t, "too costly", chandra, `{ users(first: 100) { nodes { patients(first: 100) { nodes { id } } } } }`, nil, "TOO_COMPLEX")
	})
}

// TestUpdateUser checks who changes which user how: staff the role and the
// rights of everybody, nobody else anything, and an absent field stays.
func TestUpdateUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben, chandra, devi := a.Register(t, "asha"), a.Register(t, "ben"), a.Staff(t, "chandra"), a.Staff(t, "devi")
		a.Assign(t, chandra, a.CreatePatient(t, asha, "Arjun"), a.CreateDoctor(t, asha, "Dr. Rao", "R-1"))
		result := func(active, staff bool, role string) string {
			return fmt.Sprintf(`{"data":{"updateUser":{"isActive":%t,"isStaff":%t,"role":%q}}}`, active, staff, role)
		}
		tests := []struct {
			name   string
			caller *harness.Caller
			change map[string]any
			want   []string
		}{
			{"anonymous", &harness.Caller{}, change(ben.ID, "role", "PATIENT"), []string{harness.Unauthenticated}},
			{"itself", &asha, change(asha.ID, "isStaff", true), []string{harness.Forbidden}},
			{"itself, nothing", &asha, change(asha.ID), []string{harness.Forbidden}},
			{"another", &asha, change(ben.ID, "isActive", false), []string{harness.Forbidden}},
			{"who assigned", &asha, change(chandra.ID, "isActive", false), []string{harness.Forbidden}},
			{"nobody", &asha, change(987654321, "isActive", false), []string{harness.Forbidden}},
			{"null by a user", &asha, change(ben.ID, "isActive", nil), []string{harness.Forbidden}},

			{"staff, nobody", &chandra, change(987654321, "isActive", false), []string{harness.NotFound}},
			{"staff, nobody, nothing", &chandra, change(987654321), []string{harness.NotFound}},
			{"nothing", &chandra, change(ben.ID), []string{result(true, false, "DOCTOR")}},
			{"role", &chandra, change(ben.ID, "role", "PATIENT"), []string{result(true, false, "PATIENT")}},
			{"isActive", &chandra, change(ben.ID, "isActive", false), []string{result(false, false, "PATIENT")}},
			{"isStaff of one who is not active", &chandra, change(ben.ID, "isStaff", true), []string{result(false, true, "PATIENT")}},
			{"back", &chandra, change(ben.ID, "isActive", true, "isStaff", false, "role", "DOCTOR"), []string{result(true, false, "DOCTOR")}},
			{"null", &chandra, change(ben.ID, "isActive", nil, "role", nil, "isStaff", true), []string{"BAD_USER_INPUT:isActive", "BAD_USER_INPUT:role"}},
			{"no such role", &chandra, change(ben.ID, "role", "ADMIN"), []string{"BAD_USER_INPUT:role"}},
			{"another field", &chandra, change(ben.ID, "email", "x@example.com"), []string{"BAD_USER_INPUT:email"}},
			{"as it was", &chandra, change(ben.ID), []string{result(true, false, "DOCTOR")}},

			{"staff that is not the last", &chandra, change(devi.ID, "isStaff", false), []string{result(true, false, "DOCTOR")}},
			{"who was staff", &devi, change(ben.ID, "isStaff", true), []string{harness.Unauthenticated}},
			{"the last is demoted", &chandra, change(chandra.ID, "isStaff", false), []string{harness.Conflict}},
			{"the last is deactivated", &chandra, change(chandra.ID, "isActive", false, "role", "PATIENT"), []string{harness.Conflict}},
			{"the last stays", &chandra, change(chandra.ID, "isActive", true, "isStaff", true), []string{result(true, true, "DOCTOR")}},
			{"staff that is not active does not count", &chandra, change(devi.ID, "isStaff", true, "isActive", false), []string{result(false, true, "DOCTOR")}},
			{"the last active one", &chandra, change(chandra.ID, "isStaff", false), []string{harness.Conflict}},
			{"one more", &chandra, change(devi.ID, "isActive", true), []string{result(true, true, "DOCTOR")}},
			{"itself, not the last", &chandra, change(chandra.ID, "isStaff", false), []string{result(true, false, "DOCTOR")}},
			{"who stepped down", &chandra, change(chandra.ID, "isStaff", true), []string{harness.Unauthenticated}},
		}
		for _, tt := range tests {
			a.Expect(t, tt.name, *tt.caller, updateUser, tt.change, tt.want...)
		}

		devi.Token = a.Login(t, devi.Email).Access
		a.Expect(t, "one transaction", devi, `mutation($ben: ID!, $devi: ID!) {
			first: updateUser(id: $ben, input: {isActive: false}) { id } second: updateUser(id: $devi, input: {isStaff: false}) { id }
		}`, map[string]any{"ben": ben.ID, "devi": devi.ID}, harness.Conflict)
		a.Expect(t, "nothing happened", devi, updateUser, change(ben.ID), result(true, false, "DOCTOR"))
		a.Expect(t, "who stepped down has no rights left", devi, `mutation($ben: ID!, $devi: ID!) {
			first: updateUser(id: $ben, input: {isStaff: true}) { id } second: updateUser(id: $devi, input: {isStaff: false}) { id } third: updateUser(id: $ben, input: {role: PATIENT}) { id }
		}`, map[string]any{"ben": ben.ID, "devi": devi.ID}, harness.Unauthenticated)
		a.Expect(t, "handed over", devi, `mutation($ben: ID!, $devi: ID!) {
			first: updateUser(id: $ben, input: {isStaff: true}) { id } second: updateUser(id: $devi, input: {isStaff: false}) { isStaff patients { totalCount } }
		}`, map[string]any{"ben": ben.ID, "devi": devi.ID}, fmt.Sprintf(`{"data":{"first":{"id":"%d"},"second":{"isStaff":false,"patients":{"totalCount":0}}}}`, ben.ID))
	})
}

// TestUserChangesAtOnce checks that a change of a user holds at the very next
// request, at both doors of both servers, and that sign-ins which it ended do
// not come back with the change taken back. What changes nothing ends nothing.
func TestUserChangesAtOnce(t *testing.T) {
	tests := []struct {
		name               string
		staff              bool // whether the user was staff before
		change, back       map[string]any
		signsOut, signsIn  bool
		seesAll, seesAgain bool // with a new sign-in after the change, and after it was taken back
	}{
		{"deactivated", false, change(0, "isActive", false), change(0, "isActive", true), true, false, false, false},
		{"staff deactivated", true, change(0, "isActive", false), change(0, "isActive", true), true, false, false, true},
		{"demoted", true, change(0, "isStaff", false), change(0, "isStaff", true), true, true, false, true},
		{"promoted", false, change(0, "isStaff", true), change(0, "isStaff", false), true, true, true, false},
		{"another role", false, change(0, "role", "PATIENT"), change(0, "role", "DOCTOR"), true, true, false, false},
		{"the same", false, change(0, "isActive", true, "isStaff", false, "role", "DOCTOR"), change(0), false, true, false, false},
	}
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			both := servers(t, kind)
			a := both[0]
			asha, chandra := a.Register(t, "asha"), a.Staff(t, "chandra")
			a.CreatePatient(t, asha, "Arjun")
			sees := func(a *harness.API, c harness.Caller) bool {
				return strings.Contains(a.Must(t, c, `{ patients { totalCount } }`, nil), ":1")
			}
			for i, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					name := fmt.Sprint("user", i)
					user := a.Register
					if tt.staff {
						user = a.Staff
					}
					c := user(t, name)
					first, second := a.Session(t, c.Email, harness.Password), both[1].Session(t, c.Email, harness.Password)
					expect := func(when string, want bool) {
						t.Helper()
						for n, server := range both {
							for _, s := range []harness.Session{first, second} {
								if server.Works(t, s.Access) != want {
									t.Errorf("%s, server %d takes the access token: %t", when, n+1, !want)
								}
								if access, _ := server.Refresh(t, s.Refresh); (access != "") != want {
									t.Errorf("%s, server %d takes the refresh token: %t", when, n+1, !want)
								}
							}
							if !server.Works(t, asha.Token) || !server.Works(t, chandra.Token) {
								t.Errorf("%s, server %d refuses another user", when, n+1)
							}
						}
					}
					expect("before", true)
					tt.change["id"], tt.back["id"] = c.ID, c.ID
					a.Must(t, chandra, updateUser, tt.change)
					expect("after", !tt.signsOut)
					status, reply := both[1].Send(t, "POST", "/api/auth/login/", "", fmt.Sprintf(`{"email":%q,"password":%q}`, c.Email, harness.Password))
					if (status == 200) != tt.signsIn {
						t.Fatalf("a new sign-in answers %d %s", status, reply)
					}
					if tt.signsIn {
						c.Token = both[1].Login(t, c.Email).Access
						if sees(both[1], c) != tt.seesAll || sees(a, c) != tt.seesAll {
							t.Errorf("with a new sign-in sees others' patients: %t", !tt.seesAll)
						}
					}
					both[1].Must(t, chandra, updateUser, tt.back)
					expect("taken back", !tt.signsOut)
					c.Token = a.Login(t, c.Email).Access
					if sees(both[1], c) != tt.seesAgain || sees(a, c) != tt.seesAgain {
						t.Errorf("taken back, with a new sign-in sees others' patients: %t", !tt.seesAgain)
					}
				})
			}
		})
	}
}

// TestLastStaff checks that of two staff users who remove each other, or
// themselves, at once and on two servers, exactly one does, whether others are
// left or not.
func TestLastStaff(t *testing.T) {
	const rounds = 24
	changes := [][]any{{"isStaff", false}, {"isActive", false}, {"isStaff", false, "isActive", false, "role", "PATIENT"}}
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			both := servers(t, kind)
			outcomes := map[string]int{}
			pair := [2]harness.Caller{both[0].Staff(t, "asha"), both[1].Staff(t, "ben")}
			third := both[0].Staff(t, "chandra")
			for i := range rounds {
				alone, themselves := i%4 < 2, i%2 == 1 && i%4 < 2
				if _, err := both[0].DB.Exec("UPDATE users SET is_staff = true, is_active = (id <> $1 OR $2), role = 'doctor'", third.ID, !alone); err != nil {
					t.Fatal(err)
				}
				for n := range pair {
					pair[n].Token = both[n].Login(t, pair[n].Email).Access
				}
				replies := harness.Together(2, func(n int) string {
					target := pair[1-n].ID
					if themselves {
						target = pair[n].ID
					}
					return both[n].Query(t, pair[n], updateUser, change(target, changes[i%3]...))
				})
				done := 0
				for _, reply := range replies {
					switch codes := harness.Failures(t, reply); {
					case codes == nil:
						done++
					case slices.Equal(codes, []string{harness.Conflict}) && alone, slices.Equal(codes, []string{harness.Unauthenticated}) && !themselves:
						outcomes[fmt.Sprint(codes, alone)]++
					default:
						t.Errorf("round %d: %s", i, reply)
					}
				}
				var left int
				if err := both[0].DB.QueryRow("SELECT count(*) FROM users WHERE is_staff AND is_active AND id <> $1", third.ID).Scan(&left); err != nil {
					t.Fatal(err)
				}
				if done != 1 || left != 1 {
					t.Errorf("round %d: %d of two succeeded, %d of them are left: %q", i, done, left, replies)
				}
			}
			t.Log(outcomes)
		})
	}
}

// TestDeactivationRacesWithSignIn checks that no sign-in, refresh or change of
// password at the same time outlives a deactivation.
func TestDeactivationRacesWithSignIn(t *testing.T) {
	const rounds = 12
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			both := servers(t, kind)
			chandra, asha := both[0].Staff(t, "chandra"), both[1].Register(t, "asha")
			outcomes := map[string]int{}
			for i := range rounds {
				before := both[1].Session(t, asha.Email, harness.Password)
				attempts := []func() string{
					func() string {
						c := harness.Caller{Token: both[0].Login(t, chandra.Email).Access} // takes as long as what it races with
						return both[0].Query(t, c, updateUser, change(asha.ID, "isActive", false))
					},
					func() string {
						return both[1].Query(t, harness.Caller{}, `mutation($e: String!, $p: String!) { login(input: {email: $e, password: $p}) { access } }`, map[string]any{"e": asha.Email, "p": harness.Password})
					},
					func() string {
						return both[1].Query(t, harness.Caller{Token: before.Access}, `mutation($p: String!) { changePassword(input: {currentPassword: $p, newPassword: $p}) { access } }`, map[string]any{"p": harness.Password})
					},
					func() (reply string) {
						for range 20 {
							reply = both[0].Query(t, harness.Caller{}, `mutation($r: String!) { refreshToken(refresh: $r) { access } }`, map[string]any{"r": before.Refresh})
						}
						return reply
					},
				}
				replies := harness.Together(len(attempts), func(n int) string { return attempts[n]() })
				if harness.Failures(t, replies[0]) != nil {
					t.Errorf("round %d: the deactivation fails: %s", i, replies[0])
				}
				for n, reply := range replies[1:3] {
					outcomes[fmt.Sprint([]string{"login ", "changePassword "}[n], harness.Failures(t, reply))]++
				}
				var live int
				if err := both[0].DB.QueryRow("SELECT count(*) FROM sessions WHERE ended_at IS NULL AND user_id = $1", asha.ID).Scan(&live); err != nil || live != 0 {
					t.Errorf("round %d: %d sessions outlive the deactivation (%v)", i, live, err)
				}
				both[1].Must(t, chandra, updateUser, change(asha.ID, "isActive", true))
				if both[1].Works(t, before.Access) {
					t.Errorf("round %d: an old token is good again", i)
				}
			}
			t.Log(outcomes)
		})
	}
}
