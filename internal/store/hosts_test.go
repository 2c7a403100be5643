package store_test

import (
	"testing"

	"github.com/lib/pq"

	"caregraph/internal/store"
)

func TestHosts(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:p%40ss@a:1,b:2/care?target_session_attrs=read-write": "postgres://u:p%40ss@/care?host=a,b&port=1,2&target_session_attrs=read-write",
		"postgresql://a,b:2,c/care":                                        "postgresql:///care?host=a,b,c&port=5432,2,5432",
		"postgres://u@[::1]:1,[fe80::2]/":                                  "postgres://u@/?host=::1,fe80::2&port=1,5432",
		"postgres://u@a,b":                                                 "postgres://u@/?host=a,b&port=5432,5432",
		"postgres://u@a,b?sslmode=disable":                                 "postgres://u@/?host=a,b&port=5432,5432&sslmode=disable",
		"postgres://u@a:1/care?host=x,y":                                   "postgres://u@a:1/care?host=x,y",
		"postgres://u:a,b@c/care":                                          "postgres://u:a,b@c/care",
		"postgres://c/care?options=-c%20a=1,2":                             "postgres://c/care?options=-c%20a=1,2",
		"sqlite:a,b":                                                       "sqlite:a,b",
	} {
		got := store.Hosts(url)
		if got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
		if want != "sqlite:a,b" {
			if _, err := pq.NewConfig(got); err != nil {
				t.Errorf("%s: lib/pq cannot read %s: %v", url, got, err)
			}
		}
	}
}

func TestUnverified(t *testing.T) {
	for url, want := range map[string]bool{
		"postgres://u@db.example/care?sslmode=disable":              true,
		"postgres://u@db.example/care?sslmode=verify-full":          false,
		"postgres://u@a.example,b.example/care?sslmode=disable":     true,
		"postgres://u@127.0.0.1,b.example/care?sslmode=require":     true,
		"postgres://u@a.example,b.example/care?sslmode=verify-full": false,
		"postgres://u@127.0.0.1:1,[::1]:2/care?sslmode=disable":     false,
		"postgres://u@/care?host=/var/run/postgresql":               false,
		"postgres://u@localhost/care?sslmode=disable":               false,
		"sqlite:care.db": false,
		"":               false,
	} {
		if got := store.Unverified(store.Hosts(url)); got != want {
			t.Errorf("%s: %t", url, got)
		}
	}
}
