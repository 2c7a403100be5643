package harness

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"caregraph/internal/fault"
)

// Outcome is how a write ended for the client.
type Outcome struct {
	Status int
	reply  string
	Took   time.Duration
}

func (o Outcome) Succeeded() bool { return o.Status < 300 && !strings.Contains(o.reply, `"errors"`) }

// Unknown tells whether the client was told that nobody knows.
func (o Outcome) Unknown() bool { return strings.Contains(o.reply, fault.TextUnknown) }

// Unavailable tells whether the failure is one of the database, by its code or
// status, with the id of the request.
func (o Outcome) Unavailable() bool {
	return strings.Contains(o.reply, `"code":"UNAVAILABLE"`) && strings.Contains(o.reply, `"requestId":"`) ||
		o.Status == http.StatusServiceUnavailable && strings.Contains(o.reply, `"request_id":"`)
}

func (o Outcome) String() string { return fmt.Sprintf("%d %s after %s", o.Status, o.reply, o.Took) }

// Try sends a request, as Send does, and tells how it ended.
func (a *API) Try(t testing.TB, c Caller, method, path, body string) Outcome {
	t.Helper()
	start := time.Now()
	status, reply := a.Send(t, method, path, c.Token, body)
	return Outcome{status, reply, time.Since(start)}
}
