package live_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"caregraph/internal/server"
	"caregraph/test/harness"
)

// TestProtocol sends what graphql-transport-ws does not allow, and checks the code with which
// the connection ends.
func TestProtocol(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha := a.Register(t, "asha")
		gone := a.Register(t, "gone")
		a.Must(t, gone, `mutation { logout }`, nil)
		sign := fmt.Sprintf(`{"type":"connection_init","payload":{"Authorization":%q}}`, asha.Bearer())
		subscribe := `{"type":"subscribe","id":"1","payload":{"query":"subscription { patientChanged { kind } }"}}`
		for _, c := range []struct {
			name     string
			protocol string
			messages []string
			code     int
		}{
			{"another subprotocol", "graphql-ws", nil, 4406},
			{"no subprotocol", "", nil, 4406},
			{"nobody signs in", "graphql-transport-ws", nil, 4408},
			{"no token", "graphql-transport-ws", []string{`{"type":"connection_init"}`}, 4403},
			{"a token in another form", "graphql-transport-ws", []string{`{"type":"connection_init","payload":{"Authorization":"Token x"}}`}, 4401},
			{"a token that was made up", "graphql-transport-ws", []string{`{"type":"connection_init","payload":{"authorization":"Bearer x.y.z"}}`}, 4401},
			{"a sign-in that has ended", "graphql-transport-ws", []string{strings.ReplaceAll(sign, asha.Token, gone.Token)}, 4401},
			{"a subscription of nobody", "graphql-transport-ws", []string{subscribe}, 4401},
			{"two inits", "graphql-transport-ws", []string{sign, sign}, 4429},
			{"no JSON", "graphql-transport-ws", []string{`{`}, 4400},
			{"an array", "graphql-transport-ws", []string{`[]`}, 4400},
			{"a type that does not exist", "graphql-transport-ws", []string{sign, `{"type":"start","id":"1"}`}, 4400},
			{"a type of the server", "graphql-transport-ws", []string{sign, `{"type":"next","id":"1","payload":{}}`}, 4400},
			{"no id", "graphql-transport-ws", []string{sign, strings.ReplaceAll(subscribe, `"id":"1",`, "")}, 4400},
			{"a long id", "graphql-transport-ws", []string{sign, strings.ReplaceAll(subscribe, `"1"`, `"`+strings.Repeat("1", 65)+`"`)}, 4400},
			{"a payload that is no object", "graphql-transport-ws", []string{sign, `{"type":"subscribe","id":"1","payload":"x"}`}, 4400},
			{"a key that is given twice", "graphql-transport-ws", []string{sign, `{"type":"ping","type":"ping"}`}, 4400},
			{"an id that is taken", "graphql-transport-ws", []string{sign, subscribe, subscribe}, 4409},
			{"a large init", "graphql-transport-ws", []string{strings.ReplaceAll(sign, "Bearer", strings.Repeat(" ", 10_000)+"Bearer")}, 1009},
			{"a frame of 10 MB", "graphql-transport-ws", []string{sign, strings.ReplaceAll(subscribe, `"1"`, `"`+strings.Repeat("1", 10<<20)+`"`)}, 1009},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				s, err := a.Dial(t, nil, strings.Fields(c.protocol)...)
				if err != nil {
					t.Fatal(err)
				}
				s.Receive()
				for _, m := range c.messages {
					s.Send(t, m)
				}
				if code := s.Code(t); code != c.code {
					t.Errorf("ends with %d, want %d", code, c.code)
				}
			})
		}
		t.Run("bytes", func(t *testing.T) {
			s := a.Connect(t, asha)
			if err := s.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"ping"}`)); err != nil {
				t.Fatal(err)
			}
			if code := s.Code(t); code != 4400 {
				t.Errorf("ends with %d", code)
			}
		})
	})
}

// TestOrigins checks which pages may open a WebSocket.
func TestOrigins(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		for origin, allowed := range map[string]bool{"": true, a.URL: true, "https://clinic.example": true, "https://clinic.example.org": false, "http://clinic.example": false, "https://evil.example": false, "null": false} {
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			s, err := a.Dial(t, header, "graphql-transport-ws")
			if err == nil {
				s.CloseNow()
			}
			if (err == nil) != allowed {
				t.Errorf("from %q: %v", origin, err)
			}
		}
	}, func(cfg *server.Config) { cfg.AllowedOrigins = []server.Origin{"https://clinic.example"} })
}

// TestOperations sends operations over a WebSocket and event streams: subscriptions are checked
// as queries are, and both answer queries and mutations, too.
func TestOperations(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		foreign := a.CreatePatient(t, ben, "Bela")
		s := a.Connect(t, asha)
		for i, c := range []struct {
			name, document string
			variables      map[string]any
			want           string // the code, or what the answer holds
		}{
			{"a query", `{ viewer { username } }`, nil, `{"data":{"viewer":{"username":"asha"}}}`},
			{"a mutation", `mutation { updateClinic(name: "Sahyadri") { name } }`, nil, `Sahyadri`},
			{"an error beside data", `query($id: ID!) { viewer { username } patient(id: $id) { name } }`, map[string]any{"id": foreign}, "NOT_FOUND"},
			{"no document", ``, nil, "BAD_USER_INPUT"},
			{"no field of the type", `subscription { patientChanged { kind name } }`, nil, "BAD_USER_INPUT"},
			{"two fields", `subscription { patientChanged { kind } doctorChanged { kind } }`, nil, "BAD_USER_INPUT"},
			{"an id that is none", `subscription { patientChanged(id: "x") { kind } }`, nil, "BAD_USER_INPUT"},
			{"nobody", `subscription { patientChanged(id: 4711) { kind } }`, nil, "NOT_FOUND"},
			{"another clinic's", `subscription($id: ID) { patientChanged(id: $id) { kind } }`, map[string]any{"id": foreign}, "NOT_FOUND"},
			{"assignments of another clinic's", `subscription($id: ID) { mappingChanged(patientId: $id) { kind } }`, map[string]any{"id": foreign}, "NOT_FOUND"},
			{"a doctor who does not exist", `subscription { doctorChanged(id: 4711) { kind } }`, nil, "NOT_FOUND"},
			{"assignments of a doctor who does not exist", `subscription { mappingChanged(doctorId: 4711) { kind } }`, nil, "NOT_FOUND"},
			{"too much", `subscription { patientChanged { patient { doctors { patients(first: 100) { nodes { doctors { patients(first: 100) { nodes { name } } } } } } } } }`, nil, "TOO_COMPLEX"},
			{"too deep", `subscription { patientChanged { patient ` + strings.Repeat("{ clinic { members { nodes ", 5) + "{ id }" + strings.Repeat(" } } }", 5) + ` } }`, nil, "TOO_COMPLEX"},
		} {
			id := fmt.Sprint(i)
			s.Subscribe(t, id, c.document, c.variables)
			m := s.Next(t)
			if m.ID != id || !strings.Contains(string(m.Payload), c.want) || m.Type != "next" && m.Type != "error" {
				t.Errorf("%s: %s %s, want %s", c.name, m.Type, m.Payload, c.want)
			}
			if m.Type == "next" {
				if m := s.Next(t); m.Type != "complete" || m.ID != id {
					t.Errorf("%s: %+v", c.name, m)
				}
			}
			if c.document == "" {
				continue
			}
			stream := a.Stream(t, asha, c.document, c.variables)
			if m := <-stream.Messages; m.Type != "next" || !strings.Contains(string(m.Payload), c.want) {
				t.Errorf("%s: %s %s, want %s", c.name, m.Type, m.Payload, c.want)
			}
			if m := <-stream.Messages; m.Type != "complete" {
				t.Errorf("%s: %+v", c.name, m)
			}
			if m, open := <-stream.Messages; open {
				t.Errorf("%s: %+v", c.name, m)
			}
		}
		for i := range 20 { // an id is free when the client has let go of it, or has the answer
			id := fmt.Sprint("again ", i)
			s.Subscribe(t, id, `{ viewer { username } }`, nil)
			s.Send(t, map[string]any{"type": "complete", "id": id})
			s.Subscribe(t, id, `{ viewer { username } }`, nil)
		}
		for m := s.Next(t); m.Type != "complete" || m.ID != "again 19"; m = s.Next(t) {
		}
		every := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/graphql-response+json, application/json, text/event-stream, multipart/mixed"}}
		status, header, reply := a.Do(t, "POST", "/graphql", every, fmt.Sprintf(`{"query":"mutation { login(input: {email: \"%s\", password: \"%s\"}) { access } }"}`, asha.Email, harness.Password))
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "application/graphql-response+json") {
			t.Errorf("who takes every type gets %d %s: %s", status, header.Get("Content-Type"), reply)
		}
		s.Send(t, `{"type":"ping"}`)
		for m := s.Next(t); m.Type != "pong"; m = s.Next(t) { // behind late answers
		}
		if anonymous := a.Stream(t, harness.Caller{}, subscriptions["patientChanged"], nil); anonymous.Status != http.StatusUnauthorized {
			t.Errorf("an event stream of nobody: %d", anonymous.Status)
		}
		if refused := harness.Failures(t, a.Query(t, asha, subscriptions["patientChanged"], nil)); len(refused) != 1 || refused[0] != "BAD_USER_INPUT" {
			t.Errorf("a subscription by a request: %v", refused)
		}
	})
}

// TestMost opens more than a user may: the rest is refused, what there is goes on, and what was
// closed makes room.
func TestMost(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha := a.Register(t, "asha")
		s := a.Connect(t, asha)
		const many = 300
		for i := range many {
			s.Subscribe(t, fmt.Sprint(i), subscriptions["patientChanged"], nil)
		}
		for i := range many - 5 {
			if m := s.Next(t); m.Type != "error" || m.ID != fmt.Sprint(i+5) || !strings.Contains(string(m.Payload), "RATE_LIMITED") {
				t.Fatalf("%s %s %s", m.Type, m.ID, m.Payload)
			}
		}
		s.Send(t, `{"type":"complete","id":"3"}`)
		s.Subscribe(t, "again", subscriptions["patientChanged"], nil)
		s.Subscribe(t, "more", subscriptions["patientChanged"], nil)
		if m := s.Next(t); m.Type != "error" || m.ID != "more" {
			t.Fatalf("%s %s %s", m.Type, m.ID, m.Payload)
		}
		a.CreatePatient(t, asha, "Arjun")
		ids := map[string]bool{}
		for range 5 {
			ids[s.Next(t).ID] = true
		}
		if len(ids) != 5 || !ids["again"] || ids["3"] {
			t.Errorf("told to %v", ids)
		}
		for range 4 {
			a.Connect(t, asha)
		}
		if stream := a.Stream(t, asha, subscriptions["patientChanged"], nil); stream.Status != http.StatusTooManyRequests {
			t.Errorf("a connection more: %d", stream.Status)
		}
		s.CloseNow()
		harness.Eventually(t, "there is room again", func() bool {
			return a.Stream(t, asha, subscriptions["patientChanged"], nil).Status == http.StatusOK
		})
	}, func(cfg *server.Config) { cfg.MaxSubscriptions = 5 })
}

// TestLeft checks that nothing is left of clients who left in every way.
func TestLeft(t *testing.T) {
	each(t, func(t *testing.T, a *harness.API) {
		asha := a.Register(t, "asha")
		http.DefaultClient.CloseIdleConnections()
		before := runtime.NumGoroutine()
		var sockets []*harness.Socket
		for i := range 30 {
			s := a.Connect(t, asha)
			s.Subscribe(t, "1", subscriptions["patientChanged"], nil)
			s.Subscribe(t, "2", `subscription($id: ID) { doctorChanged(id: $id) { kind } }`, map[string]any{"id": i})
			if i%3 == 0 {
				s.Send(t, `{"type":"complete","id":"1"}`)
			}
			sockets = append(sockets, s)
			if other, err := a.Dial(t, nil, "graphql-transport-ws"); err == nil { // who never signs in
				defer other.CloseNow()
				other.CloseNow()
			}
		}
		a.CreatePatient(t, asha, "Arjun")
		for i, s := range sockets {
			if i%2 == 0 {
				s.CloseNow()
			} else {
				s.Close(websocket.StatusNormalClosure, "")
			}
		}
		harness.Eventually(t, "no goroutine is left", func() bool {
			http.DefaultClient.CloseIdleConnections()
			time.Sleep(50 * time.Millisecond)
			return runtime.NumGoroutine() <= before+2
		})
	})
}
