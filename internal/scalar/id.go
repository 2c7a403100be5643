package scalar

import (
	"encoding/json"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
)

const badID = Problem("An id is a whole number, such as \"12\".")

// MarshalID writes the id of a record as the scalar ID.
func MarshalID(id int) graphql.Marshaler { return graphql.MarshalIntID(id) }

// UnmarshalID reads the scalar ID, a text or a number.
func UnmarshalID(v any) (int, error) {
	text := ""
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case int:
		return v, nil
	case int64:
		return int(v), nil
	}
	id, err := strconv.Atoi(text)
	if err != nil {
		return 0, badID
	}
	return id, nil
}
