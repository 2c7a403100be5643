package scalar

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

// IDs are ids in one column: a bigint[] in PostgreSQL, and text in the same form, {1,2},
// in SQLite.
type IDs []int

// Value returns the ids for a database column.
func (ids IDs) Value() (driver.Value, error) { return ids.String(), nil }

// String returns the ids as the databases write them.
func (ids IDs) String() string {
	b := []byte{'{'}
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(append(b, '}'))
}

// Scan reads a database column.
func (ids *IDs) Scan(src any) error {
	var text string
	switch v := src.(type) {
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("ids: unexpected type %T", src)
	}
	*ids = nil
	if text == "{}" {
		return nil
	}
	for part := range strings.SplitSeq(strings.Trim(text, "{}"), ",") {
		id, err := strconv.Atoi(part)
		if err != nil {
			return fmt.Errorf("ids: %w", err)
		}
		*ids = append(*ids, id)
	}
	return nil
}

// AppendJSON appends the ids as GraphQL writes a list of them.
func (ids IDs) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendInt(append(b, '"'), int64(id), 10), '"')
	}
	return append(b, ']')
}
