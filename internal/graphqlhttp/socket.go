package graphqlhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/time/rate"

	"caregraph/internal/fault"
	"caregraph/internal/request"
)

// subprotocol is what is spoken over a WebSocket, by the protocol of the package graphql-ws
// (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md).
const subprotocol = "graphql-transport-ws"

// Codes with which a connection ends: those of RFC 6455, 7.4.1, and of graphql-transport-ws.
const (
	closeGoingAway    = 1001
	closeTryAgain     = 1013
	closeInvalid      = 4400
	closeUnauthorized = 4401
	closeForbidden    = 4403
	closeSubprotocol  = 4406
	closeInitTimeout  = 4408
	closeExists       = 4409
	closeManyInits    = 4429
)

// Limits of a connection.
const (
	initTimeout  = 5 * time.Second
	sendTimeout  = 10 * time.Second
	pingEvery    = 25 * time.Second
	pongTimeout  = 10 * time.Second
	maxInit      = 8 << 10   // bytes of messages before somebody has signed in
	maxText      = 256 << 10 // bytes after it
	maxID        = 64        // bytes of the id of an operation
	maxOperation = 10        // queries and mutations at once
	messageRate  = 100       // messages a second, on average
	messageBurst = 400
	maxStrangers = 1000 // connections in which nobody has signed in yet
)

// connections are what must end before the server does.
type connections struct {
	closing chan struct{} // is closed when the server ends
	ended   chan struct{} // is closed after that, when none is open any more

	mu              sync.Mutex
	closed          bool
	open, strangers int
}

func newConnections() *connections {
	return &connections{closing: make(chan struct{}), ended: make(chan struct{})}
}

// enter counts a connection. It returns false if the server ends, or if nobody has signed in
// yet in too many connections. signedIn says that somebody has, and leave that it is over.
func (c *connections) enter() (signedIn, leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.strangers >= maxStrangers {
		return nil, nil, false
	}
	c.open++
	c.strangers++
	signedIn = sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.strangers--
	})
	return signedIn, func() {
		signedIn()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open--; c.open == 0 && c.closed {
			close(c.ended)
		}
	}, true
}

// Shutdown ends the long connections, after the answers to what clients asked, and returns when
// they have ended or ctx does. It may be called once.
func (h *Handler) Shutdown(ctx context.Context) {
	c := h.connections
	c.mu.Lock()
	c.closed = true
	close(c.closing)
	if c.open == 0 {
		close(c.ended)
	}
	c.mu.Unlock()
	select {
	case <-c.ended:
	case <-ctx.Done():
	}
}

// Streaming tells whether the request begins a long connection.
func Streaming(r *http.Request) bool { return isSocket(r) || isEventStream(r) }

func isSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && slices.ContainsFunc(r.Header.Values("Upgrade"), func(v string) bool { return strings.EqualFold(v, "websocket") })
}

// socket is one WebSocket.
type socket struct {
	*caller
	h        *Handler
	conn     *websocket.Conn
	joined   bool
	signedIn func() // must be called when somebody has
	inFlight sync.WaitGroup
	slots    chan struct{} // taken by queries and mutations

	mu      sync.Mutex
	running map[string]*operation // by their id
	closing bool                  // nothing is begun any more
}

// operation is a query or a mutation while it is executed, or a subscription that begins.
type operation struct{ cancel context.CancelFunc }

// serveSocket begins a WebSocket, which goes on until one side ends it.
func (h *Handler) serveSocket(w http.ResponseWriter, r *http.Request) {
	signedIn, leave, ok := h.connections.enter()
	if !ok {
		h.Refuse(w, r, fault.NoRoom())
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, OriginPatterns: patterns(h.streams.Origins)})
	if err != nil { // it has been answered
		leave()
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	s := &socket{
		caller: &caller{ctx: ctx, out: newOutbox(func() { conn.CloseNow() })}, h: h, conn: conn, signedIn: signedIn,
		slots: make(chan struct{}, maxOperation), running: map[string]*operation{},
	}
	go func() { // and let go of what belongs to the request, and of its stack
		defer leave()
		defer h.recover(func() {})
		defer cancel()
		s.serve(ctx, cancel)
	}()
}

// serve serves the connection until one side ends it.
func (s *socket) serve(ctx context.Context, cancel context.CancelFunc) {
	defer s.conn.CloseNow()
	if s.conn.Subprotocol() != subprotocol {
		s.conn.Close(closeSubprotocol, "Subprotocol not acceptable")
		return
	}
	s.conn.SetReadLimit(maxInit)
	defer s.out.close()
	var writing sync.WaitGroup
	writing.Go(func() {
		s.write(ctx)
		cancel()
	})
	defer writing.Wait()
	defer s.h.subscriptions.leave(s.caller)
	defer cancel()
	stopInit := time.AfterFunc(initTimeout, func() { s.out.end(closeInitTimeout, "Connection initialisation timeout") })
	defer stopInit.Stop()
	pace := rate.NewLimiter(messageRate, messageBurst) // what comes faster waits
	for {
		kind, data, err := s.conn.Read(ctx)
		if err != nil || pace.Wait(ctx) != nil {
			return
		}
		if s.out.ended() {
			continue // until the client has closed, too
		}
		if kind != websocket.MessageText || !s.receive(data) {
			s.out.end(closeInvalid, "Invalid message received")
		}
		if s.joined {
			s.signedIn()
			stopInit.Stop()
		}
	}
}

// patterns returns the origins as path.Match takes them: those with an address of IPv6 have
// brackets.
func patterns(origins []string) []string {
	escaped := make([]string, len(origins))
	for i, origin := range origins {
		escaped[i] = strings.NewReplacer("[", `\[`, "]", `\]`).Replace(origin)
	}
	return escaped
}

// write sends what there is to send, until the connection ends.
func (s *socket) write(ctx context.Context) {
	closing := s.h.connections.closing
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	late := time.AfterFunc(sendTimeout, func() { s.conn.CloseNow() })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { s.conn.CloseNow() })()
	for {
		m, code, reason := s.out.next()
		if m != nil {
			late.Reset(sendTimeout)
			if s.conn.Write(context.Background(), websocket.MessageText, m.text()) != nil { // a context costs as much as the rest
				return
			}
			continue
		}
		late.Stop()
		if code != 0 {
			s.conn.Close(websocket.StatusCode(code), reason)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-closing:
			closing = nil
			s.mu.Lock()
			s.closing = true
			s.mu.Unlock()
			go func() {
				s.inFlight.Wait()
				s.out.end(closeGoingAway, "The server is going away.")
			}()
		case <-s.out.wake:
		case <-ticker.C:
			go func() {
				waiting, cancel := context.WithTimeout(ctx, pongTimeout)
				defer cancel()
				if s.conn.Ping(waiting) != nil {
					s.conn.CloseNow()
				}
			}()
		}
	}
}

// text returns the message as graphql-transport-ws has it.
func (m *message) text() []byte {
	b := make([]byte, 0, len(m.payload)+len(m.id)+48)
	b = append(append(append(b, `{"type":"`...), m.kind...), '"')
	if m.id != "" {
		b = appendJSON(append(b, `,"id":`...), m.id)
	}
	if m.payload != nil {
		b = append(append(b, `,"payload":`...), m.payload...)
	}
	return append(b, '}')
}

// receive acts on a message. It returns false if it is none of the protocol.
func (s *socket) receive(data []byte) bool {
	value, err := request.JSON(data)
	members, ok := value.(map[string]any)
	if err != nil || !ok {
		return false
	}
	kind, _ := members["type"].(string)
	id, _ := members["id"].(string)
	payload, ok := members["payload"].(map[string]any)
	switch {
	case !ok && members["payload"] != nil:
		return false
	case kind == "ping":
		s.out.send("pong", "", nil)
	case kind == "pong":
	case kind == "connection_init":
		s.init(payload)
	case kind != "subscribe" && kind != "complete", id == "", len(id) > maxID:
		return false
	case !s.joined:
		s.out.end(closeUnauthorized, "Unauthorized")
	case kind == "complete":
		s.mu.Lock()
		if o := s.running[id]; o != nil {
			o.cancel()
			delete(s.running, id)
		}
		s.mu.Unlock()
		s.h.subscriptions.unsubscribe(s.caller, id)
	default:
		var params graphql.RawParams
		if bad := read(payload, "member", &params); bad != nil {
			s.fail(id, gqlerror.List{refused(fault.Invalid, bad.message, nil)})
			return true
		}
		s.begin(id, &params)
	}
	return true
}

// init signs the client in by the Authorization in the payload, a header's value.
func (s *socket) init(payload map[string]any) {
	if s.joined {
		s.out.end(closeManyInits, "Too many initialisation requests")
		return
	}
	for name, value := range payload {
		if text, ok := value.(string); ok && strings.EqualFold(name, "Authorization") {
			s.authorization = text
		}
	}
	if s.authorization == "" {
		s.out.end(closeForbidden, "Forbidden: send Authorization in the payload of connection_init")
		return
	}
	switch err := s.h.subscriptions.join(s.caller); {
	case err == nil:
		s.joined = true
		s.conn.SetReadLimit(maxText)
		s.out.send("connection_ack", "", nil)
	case !errors.Is(err, errEnded):
		s.out.end(closeTryAgain, fault.Of(err)[0].Message)
	}
}

// begin begins a subscription: what is asked for after it on this connection is as new as what
// it will tell of. A query or a mutation is executed beside its caller, only so many at once.
func (s *socket) begin(id string, params *graphql.RawParams) {
	ctx, cancel := context.WithTimeout(s.ctx, maxDuration)
	o := &operation{cancel}
	s.mu.Lock()
	_, taken := s.running[id]
	taken = taken || s.h.subscriptions.has(s.caller, id)
	closing := s.closing
	if !taken && !closing {
		s.running[id] = o
		s.inFlight.Add(1)
	}
	s.mu.Unlock()
	if taken || closing {
		cancel()
		if taken {
			s.out.end(closeExists, "Subscriber for "+id+" already exists")
		}
		return
	}
	finish := func() (wanted bool) { // by the client
		s.mu.Lock()
		defer s.mu.Unlock()
		if wanted = s.running[id] == o; wanted {
			delete(s.running, id)
		}
		cancel()
		return wanted
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		finish()
		s.fail(id, gqlerror.List{presentFault(fault.NoRoom())})
		s.inFlight.Done()
		return
	}
	prepared, refusal := s.h.admit(ctx, s.caller, params, func(*ast.OperationDefinition) *gqlerror.Error { return nil })
	if refusal == nil && !prepared.subscribes() {
		go func() {
			defer s.inFlight.Done()
			defer func() { <-s.slots }()
			response := prepared.run()
			answer := body(response)
			if finish() {
				s.out.send("next", id, answer)
				s.out.send("complete", id, nil)
			}
		}()
		return
	}
	if refusal == nil {
		refusal = prepared.subscribe(s.caller, id)
	}
	<-s.slots
	if finish(); refusal != nil {
		s.fail(id, refusal.Errors)
	}
	s.inFlight.Done()
}

// fail tells that an operation was not executed.
func (s *socket) fail(id string, errs gqlerror.List) {
	s.out.send("error", id, appendJSON(nil, errs))
}

// admitted is an operation that is let in and has nothing wrong with it. One of its methods run,
// subscribe and leave must be called.
type admitted struct {
	h         *Handler
	ctx       context.Context
	operation *graphql.OperationContext
	leave     func()
}

// admit prepares an operation of a caller, as the one that it is now, which ends when ctx does.
// It returns what is wrong with it, if anything is.
func (h *Handler) admit(ctx context.Context, c *caller, params *graphql.RawParams, refuse func(*ast.OperationDefinition) *gqlerror.Error) (*admitted, *graphql.Response) {
	identified, _, err := h.subscriptions.look(c)
	if err != nil {
		return nil, &graphql.Response{Errors: gqlerror.List{presentFault(fault.Of(err)[0])}}
	}
	identified, cancel := context.WithCancelCause(identified)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	identified = request.Apart(identified, "stream")
	account := request.AccountOf(identified)
	identified, free, refusal := h.streams.Admit(identified)
	leave := func() {
		account.End(identified, 0)
		free()
		stop()
		cancel(nil)
	}
	if refusal != nil {
		account.Fail(string(refusal.Kind))
		account.End(ctx, 0)
		stop()
		cancel(nil)
		return nil, &graphql.Response{Errors: gqlerror.List{presentFault(refusal)}}
	}
	prepared, operation, wrong := h.prepare(graphql.StartOperationTrace(identified), params, refuse)
	if wrong != nil {
		leave()
		return nil, wrong
	}
	return &admitted{h, prepared, operation, leave}, nil
}

// subscribes tells whether the operation is a subscription.
func (a *admitted) subscribes() bool { return a.operation.Operation.Operation == ast.Subscription }

// subscribe begins a subscription. It returns what is wrong with it, if anything is.
func (a *admitted) subscribe(c *caller, id string) *graphql.Response {
	defer a.leave()
	return a.h.subscriptions.subscribe(a.ctx, c, id, a.operation)
}

// run executes a query or a mutation.
func (a *admitted) run() (response *graphql.Response) {
	defer a.leave()
	defer a.h.recover(func() {
		response = &graphql.Response{Data: json.RawMessage("null"), Errors: gqlerror.List{presentFault(&fault.Error{Kind: fault.Internal, Message: fault.TextInternal})}}
	})
	return a.h.run(a.ctx, a.operation)
}

// recover logs a panic, after which it calls then. It must be deferred itself: nothing else keeps
// the server from ending by what happens beside a request.
func (h *Handler) recover(then func()) {
	if r := recover(); r != nil {
		h.log.Error("panic", "type", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
		then()
	}
}
