package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/lib/pq"
)

// TestUnknown checks which failures of a commit leave open whether it happened.
func TestUnknown(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{sql.ErrTxDone, false},
		{pq.ErrInFailedTransaction, false},
		{&pq.Error{Severity: "ERROR", Code: "23503"}, false},
		{&pq.Error{Severity: "ERROR", Code: "40001"}, false},
		{&pq.Error{Severity: "ERROR", Code: "57014"}, false},
		{&pq.Error{Severity: "ERROR", Code: "08007"}, true},
		{&pq.Error{Severity: "PANIC", Code: "58030"}, true},
		{driver.ErrBadConn, true},
		{io.ErrUnexpectedEOF, true},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true},
		{fmt.Errorf("an answer that nobody expects"), true},
	} {
		if got := unknown(tt.err); got != tt.want {
			t.Errorf("%v: %t, want %t", tt.err, got, tt.want)
		}
	}
}

// TestDuration checks how PostgreSQL's times are read.
func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "500": 500 * time.Millisecond, "30s": 30 * time.Second, " 2 min ": 2 * time.Minute, "1.5h": 90 * time.Minute, "1d": 24 * time.Hour,
		"": 0, "soon": 0, "1 year": 0,
	} {
		if got := duration(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
