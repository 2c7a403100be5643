package rest

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The tag of an item is its version (RFC 9110, 8.8.3).

// tagged returns a result without its first member, etag, and the tag that this is; no tag
// if the result has none.
func tagged(result []byte) (rest []byte, tag string) {
	rest, found := bytes.CutPrefix(result, []byte(`{"etag":`))
	if !found {
		return result, ""
	}
	version, rest, _ := bytes.Cut(rest, []byte(","))
	return append([]byte("{"), rest...), `"` + string(version) + `"`
}

// tags returns the tags that the values of a header list.
func tags(values []string) []string {
	var all []string
	for _, tag := range strings.Split(strings.Join(values, ","), ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			all = append(all, tag)
		}
	}
	return all
}

// matches tells whether If-None-Match lists the tag: weak tags match, too.
func matches(values []string, tag string) bool {
	return tag != "" && slices.ContainsFunc(tags(values), func(t string) bool { return t == "*" || strings.TrimPrefix(t, "W/") == tag })
}

// conditionally calls execute with the variable version that If-Match asks for, if it asks
// for one. It fails with 412 for any other version.
func (s *Server) conditionally(r *http.Request, variables map[string]any, execute func() ([]byte, error)) ([]byte, error) {
	values := r.Header.Values("If-Match")
	asked := tags(values)
	if values == nil || r.Method == http.MethodGet || slices.Contains(asked, "*") {
		return execute()
	}
	var versions []int
	for _, tag := range asked {
		if n, err := strconv.Atoi(strings.Trim(tag, `"`)); err == nil && n > 0 && tag == strconv.Quote(strconv.Itoa(n)) {
			versions = append(versions, n)
		}
	}
	variables["version"] = 0 // which none has
	if versions != nil {
		variables["version"] = versions[0]
	}
	data, err := execute()
	if other, ok := errors.AsType[stale](err); ok && slices.Contains(versions, other.current) { // a later one of the list
		variables["version"] = other.current
		return execute()
	}
	return data, err
}
