package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
)

// NewLive is New for a server that hears what changes in the database of the URL.
func NewLive(t testing.TB, url string, changes ...func(*server.Config)) *API {
	t.Helper()
	db := storetest.Open(t, url)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return serve(t, db, func(cfg server.Config, log *slog.Logger) http.Handler {
		s, err := server.Live(ctx, db, cfg, log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Shutdown(ctx) })
		return s
	}, append([]func(*server.Config){func(cfg *server.Config) { cfg.DatabaseURL = url }}, changes...))
}

// Patience is how long a test waits for what must come.
const Patience = 30 * time.Second

// Socket is a WebSocket of a client.
type Socket struct {
	*websocket.Conn
	Messages chan Message // what came; closed when the connection has ended
	ended    error
}

// Message is one of graphql-transport-ws, or an event of an event stream.
type Message struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"payload"`
}

// Dial opens a WebSocket.
func (a *API) Dial(t testing.TB, header http.Header, subprotocols ...string) (*Socket, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(a.URL, "http")+"/graphql", &websocket.DialOptions{Subprotocols: subprotocols, HTTPHeader: header})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return &Socket{Conn: conn, Messages: make(chan Message, 10_000)}, nil
}

// Receive receives messages from now on.
func (s *Socket) Receive() {
	go func() {
		defer close(s.Messages)
		for {
			_, data, err := s.Read(context.Background())
			if err != nil {
				s.ended = err
				return
			}
			var m Message
			if err := json.Unmarshal(data, &m); err != nil {
				m.Type = err.Error()
			}
			s.Messages <- m
		}
	}()
}

// Connect opens a WebSocket and signs in.
func (a *API) Connect(t testing.TB, c Caller) *Socket {
	t.Helper()
	s, err := a.Dial(t, nil, "graphql-transport-ws")
	if err != nil {
		t.Fatal(err)
	}
	s.Receive()
	s.Send(t, map[string]any{"type": "connection_init", "payload": map[string]any{"Authorization": c.Bearer()}})
	if m := s.Next(t); m.Type != "connection_ack" {
		t.Fatalf("%+v instead of an acknowledgement", m)
	}
	return s
}

// Send sends a message: a text, or what becomes JSON.
func (s *Socket) Send(t testing.TB, message any) {
	t.Helper()
	text, ok := message.(string)
	if !ok {
		data, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := s.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Logf("send: %v", err)
	}
}

// Subscribe sends an operation under an id.
func (s *Socket) Subscribe(t testing.TB, id, document string, variables map[string]any) {
	t.Helper()
	s.Send(t, map[string]any{"type": "subscribe", "id": id, "payload": map[string]any{"query": document, "variables": variables}})
}

// Next returns the next message.
func (s *Socket) Next(t testing.TB) Message {
	t.Helper()
	select {
	case m, open := <-s.Messages:
		if !open {
			t.Fatalf("the connection has ended: %v", s.ended)
		}
		return m
	case <-time.After(Patience):
		t.Fatal("nothing came")
	}
	return Message{}
}

// Code returns the code with which the server ends the connection, after whatever comes before.
func (s *Socket) Code(t testing.TB) int {
	t.Helper()
	late := time.After(Patience)
	for {
		select {
		case _, open := <-s.Messages:
			if open {
				continue
			}
			var closed websocket.CloseError
			if !errors.As(s.ended, &closed) {
				t.Fatalf("the connection has ended: %v", s.ended)
			}
			return int(closed.Code)
		case <-late:
			t.Fatal("the connection does not end")
		}
	}
}

// Follow subscribes a caller over a WebSocket. What happens after it returns is told.
func (a *API) Follow(t testing.TB, c Caller, document string, variables map[string]any) *Socket {
	t.Helper()
	s := a.Connect(t, c)
	s.Subscribe(t, "1", document, variables)
	s.Subscribe(t, "begun", "{ __typename }", nil)
	for m := s.Next(t); m.Type != "complete"; m = s.Next(t) {
		if m.ID != "begun" {
			t.Fatalf("%s %s", m.Type, m.Payload)
		}
	}
	return s
}

// Stream is an event stream of a client.
type Stream struct {
	Status   int
	Type     string       // of the content
	Messages chan Message // what came; closed when the stream has ended
}

// Stream asks for an operation as an event stream. It has begun when it returns.
func (a *API) Stream(t testing.TB, c Caller, document string, variables map[string]any) *Stream {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "POST", a.URL+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Accept": {"text/event-stream"}, "Content-Type": {"application/json"}}
	if c.Token != "" {
		r.Header.Set("Authorization", c.Bearer())
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stream{answer.StatusCode, answer.Header.Get("Content-Type"), make(chan Message, 10_000)}
	go func() {
		defer close(s.Messages)
		defer answer.Body.Close()
		if !strings.HasPrefix(s.Type, "text/event-stream") {
			data, _ := io.ReadAll(answer.Body)
			s.Messages <- Message{Type: "body", Payload: data}
			return
		}
		var m Message
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			switch field, value, _ := strings.Cut(lines.Text(), ": "); {
			case field == "event":
				m.Type = value
			case field == "data":
				m.Payload = json.RawMessage(value)
			case lines.Text() == "" && m.Type != "":
				s.Messages <- m
				m = Message{}
			}
		}
	}()
	return s
}
