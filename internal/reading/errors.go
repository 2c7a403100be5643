package reading

import (
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// ErrNotFound is the failure to read a record that does not exist, or that the
// viewer may not see.
var ErrNotFound = errors.New("no such record")

// Invalid is an argument that cannot be used. The message is public.
type Invalid struct{ Field, Message string }

// Error returns the message.
func (i *Invalid) Error() string { return i.Field + ": " + i.Message }

// FieldError is a failure to read what a field inside a root field asks for. The
// root field is null because of it, and the error's path is that of the root
// field: what is read for a whole level at once has no path.
type FieldError struct {
	error
	Position ast.Position // of the field in the document
}

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.error }

// at says which field of the document an error is about, unless the error says
// it already.
func at(f graphql.CollectedField, err error) error {
	if _, known := errors.AsType[*FieldError](err); known || f.Position == nil {
		return err
	}
	return &FieldError{err, *f.Position}
}
