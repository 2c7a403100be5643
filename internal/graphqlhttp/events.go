package graphqlhttp

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
)

const mediaEvents = "text/event-stream"

// aliveEvery is how often an event stream shows that it is alive: proxies end connections on
// which nothing happens for a minute.
const aliveEvery = 12 * time.Second

// isEventStream tells whether a client wants an event stream, and would not take JSON: some
// clients list every type for every operation.
func isEventStream(r *http.Request) bool {
	if r.Method == http.MethodHead {
		return false
	}
	stream := false
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || params["q"] == "0" {
			continue
		}
		switch media {
		case mediaEvents:
			stream = true
		case mediaJSON, mediaGraphQL, "application/*":
			return false
		}
	}
	return stream
}

// serveEvents answers one operation by Server-Sent Events, in the distinct connections mode of
// the package graphql-sse (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md):
// events next, and one complete at the end.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	signedIn, leave, ok := h.connections.enter()
	if !ok {
		h.Refuse(w, r, fault.NoRoom())
		return
	}
	defer leave()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept")
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	control := http.NewResponseController(w)
	c := &caller{ctx: ctx, authorization: r.Header.Get("Authorization"), out: newOutbox(func() { control.SetWriteDeadline(time.Now()) })}
	defer c.out.close()
	if err := h.subscriptions.join(c); err != nil {
		h.refuseEvents(w, r, err)
		return
	}
	defer h.subscriptions.leave(c)
	signedIn()
	var params graphql.RawParams
	bad := readRequest(w, r, &params)
	if bad != nil {
		refuse(w, mediaJSON, bad.status, bad.message)
		return
	}
	executing, done := context.WithTimeout(ctx, maxDuration)
	defer done()
	prepared, response := h.admit(executing, c, &params, func(o *ast.OperationDefinition) *gqlerror.Error {
		if r.Method == http.MethodGet && o.Operation == ast.Mutation {
			return refused(fault.Invalid, "A mutation cannot be sent by GET.", nil)
		}
		return nil
	})
	switch {
	case response != nil:
	case prepared.subscribes():
		response = prepared.subscribe(c, "")
	default:
		response = prepared.run()
	}
	if response != nil {
		c.out.send("next", "", body(response))
		c.out.send("complete", "", nil)
		c.out.end(closeGoingAway, "")
	}
	w.Header().Set("Content-Type", mediaEvents+"; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // for nginx
	h.writeEvents(ctx, w, control, c.out)
}

// refuseEvents answers a caller who cannot subscribe.
func (h *Handler) refuseEvents(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errEnded) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		err = &fault.Error{Kind: fault.Unauthenticated, Message: "Sign in to subscribe."}
	}
	h.Refuse(w, r, fault.Of(err)[0])
}

// writeEvents sends what there is to send, until the stream ends.
func (h *Handler) writeEvents(ctx context.Context, w http.ResponseWriter, control *http.ResponseController, out *outbox) {
	control.SetReadDeadline(time.Time{}) // the request has been read
	closing := h.connections.closing
	ticker := time.NewTicker(aliveEvery)
	defer ticker.Stop()
	text := []byte(":\n\n") // that it has begun
	for {
		m, code, _ := out.next()
		if m != nil {
			text = append(append(append(text, "event: "...), m.kind...), '\n')
			text = append(append(append(text, "data: "...), bytes.ReplaceAll(m.payload, []byte("\n"), nil)...), "\n\n"...)
		}
		if len(text) > 0 {
			control.SetWriteDeadline(time.Now().Add(sendTimeout))
			if _, err := w.Write(text); err != nil || control.Flush() != nil {
				return
			}
			text = text[:0]
		}
		switch {
		case m != nil:
			continue
		case code != 0:
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-closing:
			closing = nil
			out.end(closeGoingAway, "")
		case <-out.wake:
		case <-ticker.C:
			text = append(text, ":\n\n"...)
		}
	}
}
