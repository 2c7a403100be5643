package rest

import (
	"bytes"
	"strconv"
)

// literals returns JSON that GraphQL wrote in the words of the REST API: ids as
// numbers, enums as the documented literals, and an object that stands for one
// of its members, such as {"email":…} for created_by, as that member. It goes
// by the names of members, in one pass.
func literals(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for {
		quote := bytes.IndexByte(src, '"')
		if quote < 0 {
			return append(dst, src...)
		}
		name := quoted(src[quote:])
		dst = append(dst, src[:quote+len(name)]...)
		src = src[quote+len(name):]
		if len(src) < 2 || src[0] != ':' {
			continue // no key
		}
		rest := src[1:]
		switch string(name) {
		case `"patient"`, `"doctor"`, `"created_by"`:
			member := quoted(rest[1:])
			value := quoted(rest[1+len(member)+1:])
			src = rest[1+len(member)+1+len(value)+1:]
			dst = appendValue(append(dst, ':'), member, value)
		case `"id"`, `"role"`, `"gender"`, `"blood_group"`:
			if rest[0] == '"' {
				value := quoted(rest)
				src = rest[len(value):]
				dst = appendValue(append(dst, ':'), name, value)
			}
		default:
			if rest[0] == '"' { // a text, which may hold anything
				value := quoted(rest)
				src = rest[len(value):]
				dst = append(append(dst, ':'), value...)
			}
		}
	}
}

func appendValue(dst, name, value []byte) []byte {
	text := value[1 : len(value)-1]
	switch string(name) {
	case `"id"`:
		return append(dst, text...)
	case `"role"`, `"gender"`, `"blood_group"`:
		return strconv.AppendQuote(dst, literal(string(text)))
	}
	return append(dst, value...)
}

// quoted returns the JSON string that src begins with.
func quoted(src []byte) []byte {
	for i := 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return src[:i+1]
		}
	}
	return src
}
