package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Each returns n copies of a format of one number.
func Each(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
	}
	return b.String()
}

// Code returns the code of the first error of a GraphQL reply.
func Code(reply string) string {
	var in struct {
		Errors []struct{ Extensions struct{ Code string } }
	}
	json.NewDecoder(io.LimitReader(bytes.NewReader([]byte(reply)), 1<<20)).Decode(&in)
	if len(in.Errors) == 0 {
		return ""
	}
	return in.Errors[0].Extensions.Code
}
