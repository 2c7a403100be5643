package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"caregraph/internal/auth"
	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// floor answers one operation for a user: with the whole answer, or with what
// is marshalled as its data.
type floor func(h *hand, ctx context.Context, user int, r *http.Request) (any, error)

// hand holds the connection and the prepared statements of a floor.
type hand struct {
	db         *sql.DB
	statements map[string]*sql.Stmt
}

// serveFloor serves the floors of the name until ctx ends, and tells where.
func serveFloor(ctx context.Context, name string) error {
	server.TuneMemory(os.Getenv)
	opened, err := store.Open(os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer opened.Close()
	h := &hand{opened.DB, map[string]*sql.Stmt{}}
	for _, statement := range append(handStatements, sqlStatements...) {
		if h.statements[statement], err = h.db.PrepareContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	authn := auth.New(opened.Client(), auth.Options{Key: []byte(os.Getenv("SECRET_KEY"))})
	mux := http.NewServeMux()
	for _, op := range operations {
		answer := op.floor(name)
		if answer == nil {
			continue
		}
		mux.HandleFunc("/"+op.name, func(w http.ResponseWriter, r *http.Request) {
			v, err := viewer.FromContext(r.Context())
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			data, err := answer(h, r.Context(), v.UserID, r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			body, whole := data.([]byte)
			if !whole {
				if body, err = json.Marshal(map[string]any{"data": data}); err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			w.Write(body)
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	debug, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/graphql\nhttp://%s/debug\n", listener.Addr(), debug.Addr())
	go http.Serve(debug, server.Profiles())
	var handler http.Handler = authn.Authenticate(mux)
	if name == "open" {
		handler = believing(authn, mux)
	}
	go http.Serve(listener, handler)
	<-ctx.Done()
	return nil
}

// believing tells h who is calling as it was the first time that a token was shown: nothing
// is checked.
func believing(authn *auth.Service, h http.Handler) http.Handler {
	var bearers sync.Map // viewer by header
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		v, known := bearers.Load(header)
		if !known {
			var err error
			if v, err = authn.Viewer(r.Context(), strings.TrimPrefix(header, "Bearer ")); err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			bearers.Store(header, v)
		}
		h.ServeHTTP(w, r.WithContext(viewer.NewContext(r.Context(), v.(viewer.Viewer))))
	})
}

// rows runs a prepared statement; scan reads a row.
func rows[T any](ctx context.Context, h *hand, statement string, scan func(*sql.Rows, *T) error, args ...any) ([]T, error) {
	found, err := h.statements[statement].QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	list := []T{}
	for found.Next() {
		var row T
		if err := scan(found, &row); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, found.Err()
}

// count runs a prepared statement that counts.
func (h *hand) count(ctx context.Context, statement string, args ...any) (n int, err error) {
	err = h.statements[statement].QueryRowContext(ctx, args...).Scan(&n)
	return n, err
}

// in makes an array of ids.
func in(ids []int64) any { return pq.Int64Array(ids) }

func number(query url.Values, name string) int {
	n, _ := strconv.Atoi(query.Get(name))
	return n
}

func text(id int64) string { return strconv.FormatInt(id, 10) }

// instant is a time as the API writes it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
