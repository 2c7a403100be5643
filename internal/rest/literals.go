package rest

import (
	"bytes"
	"strconv"
)

// literals returns JSON that GraphQL wrote in the words of the REST API: ids as
// numbers, enums as the documented literals. It goes by the names of members.
func literals(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for len(src) > 0 {
		quote := bytes.IndexByte(src, '"')
		if quote < 0 {
			break
		}
		text := quoted(src[quote:])
		dst = append(dst, src[:quote]...)
		src = src[quote+len(text):]
		if len(src) < 2 || src[0] != ':' || src[1] != '"' { // no key, or no text behind it
			dst = append(dst, text...)
			continue
		}
		value := quoted(src[1:])
		dst = append(append(dst, text...), ':')
		dst = appendValue(dst, string(text), value)
		src = src[1+len(value):]
	}
	return append(dst, src...)
}

func appendValue(dst []byte, key string, value []byte) []byte {
	switch key {
	case `"id"`:
		return append(dst, value[1:len(value)-1]...)
	case `"role"`, `"gender"`, `"blood_group"`:
		return strconv.AppendQuote(dst, literal(string(value[1:len(value)-1])))
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
