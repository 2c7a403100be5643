// Package fault sorts every failure into a closed set of kinds, once, for both
// doors. What it returns is public; everything it does not know is Internal.
package fault

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"caregraph/ent/privacy"
	"github.com/lib/pq"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"caregraph/ent"
	"caregraph/internal/audit"
	"caregraph/internal/reading"
	"caregraph/internal/scalar"
	"caregraph/internal/viewer"
)

// Kind is a kind of failure. GraphQL shows it as extensions.code.
type Kind string

// The kinds of failure.
const (
	Unauthenticated Kind = "UNAUTHENTICATED" // sign in first
	Forbidden       Kind = "FORBIDDEN"       // signed in, but may not
	NotFound        Kind = "NOT_FOUND"       // does not exist, or is not the viewer's
	Invalid         Kind = "BAD_USER_INPUT"  // the input breaks a rule; Field says where
	Conflict        Kind = "CONFLICT"        // the input is fine, the state is not
	RateLimited     Kind = "RATE_LIMITED"    // too many attempts; wait
	TooComplex      Kind = "TOO_COMPLEX"     // the document asks for too much
	Unavailable     Kind = "UNAVAILABLE"     // the database is away; try again
	Internal        Kind = "INTERNAL"        // a fault of ours; the log has the cause
)

// Known tells whether the code is one of the kinds.
func Known(code string) bool {
	switch Kind(code) {
	case Unauthenticated, Forbidden, NotFound, Invalid, Conflict, RateLimited, TooComplex, Unavailable, Internal:
		return true
	}
	return false
}

// Status returns the HTTP status of a failure of this kind.
func (k Kind) Status() int {
	switch k {
	case Unauthenticated:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Invalid, TooComplex:
		return http.StatusBadRequest
	case Conflict:
		return http.StatusConflict
	case RateLimited:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Texts that several places show.
const (
	TextInternal    = "Internal error."
	TextNotFound    = "Not found."
	TextForm        = "Send the access token in the form: Authorization: Bearer TOKEN"
	TextUnavailable = "The service is unavailable at the moment. Try again."
	TextUnknown     = "It is unknown whether the change was stored. Look before trying again."
)

// Error is a failure as the caller sees it.
type Error struct {
	Kind    Kind
	Field   string // the column that is at fault, if one is
	Message string // one sentence, without any value of the input

	RetryAfter     time.Duration // with RateLimited: when to try again
	CurrentVersion int           // with Conflict: the version of the record that was changed meanwhile
}

// Error returns the public message.
func (e *Error) Error() string { return string(e.Kind) + ": " + e.Message }

// TooMany is the failure of a caller who has asked too often.
func TooMany(wait time.Duration) *Error {
	return &Error{Kind: RateLimited, Message: "Too many requests. Try again later.", RetryAfter: wait}
}

// NoRoom is the failure of what the server has no room for at the moment.
func NoRoom() *Error {
	return &Error{Kind: Unavailable, Message: TextUnavailable, RetryAfter: time.Second}
}

// Stale is the failure of a change that is meant for another version of a record than the
// current one.
func Stale(current int) *Error {
	return &Error{Kind: Conflict, Message: "The record was changed meanwhile. Look at it before you change it.", CurrentVersion: current}
}

// KeyReused is the failure of a request whose Idempotency-Key was sent with another one.
var KeyReused = &Error{Kind: Invalid, Field: "idempotency_key", Message: "This Idempotency-Key was sent with another request."}

// Unknown is the failure of a transaction that may have happened or not: the
// database went away while it was being committed.
var Unknown = &Error{Kind: Unavailable, Message: TextUnknown}

// List is several failures at once: one for each invalid field.
type List []*Error

// Error returns the first failure.
func (l List) Error() string { return l[0].Error() }

// Conflicts of a unique index.
var (
	UsernameTaken   = &Error{Kind: Conflict, Field: "username", Message: "A user with that username already exists."}
	EmailTaken      = &Error{Kind: Conflict, Field: "email", Message: "user with this email already exists."}
	PhoneTaken      = &Error{Kind: Conflict, Field: "phone", Message: "user with this phone already exists."}
	LicenseTaken    = &Error{Kind: Conflict, Field: "license_number", Message: "doctor with this license number already exists."}
	AlreadyAssigned = &Error{Kind: Conflict, Message: "This patient is already assigned to this doctor."}

	DoctorHasAccount = &Error{Kind: Conflict, Message: "This doctor has an account already."}
)

// ClinicGone is the failure to add to a clinic that its last member has just left with all
// of its records.
var ClinicGone = &Error{Kind: Conflict, Message: "The clinic was changed meanwhile. Try again."}

// conflicts has the conflict of each unique index, and of the foreign keys to what can be
// gone: by the name that PostgreSQL tells, and by the columns that SQLite tells.
var conflicts = map[string]*Error{
	"users_username_key":                       UsernameTaken,
	"users.username":                           UsernameTaken,
	"users_email_key":                          EmailTaken,
	"users.email":                              EmailTaken,
	"users_phone_key":                          PhoneTaken,
	"users.phone":                              PhoneTaken,
	"doctor_license_number":                    LicenseTaken,
	"doctors.license_number":                   LicenseTaken,
	"mapping_patient_id_doctor_id":             AlreadyAssigned,
	"mappings.patient_id, mappings.doctor_id":  AlreadyAssigned,
	"practice_doctor_id_clinic_id":             DoctorHasAccount,
	"practices.doctor_id, practices.clinic_id": DoctorHasAccount,
	"patients_clinics_patients":                ClinicGone,
	"invitations_clinics_invitations":          ClinicGone,
}

// Of returns what the caller may see of err: never text from the database, a
// policy or Go. An error it does not know is Internal.
func Of(err error) List {
	var own *Error
	var list List
	var invalid scalar.Invalid
	var problem scalar.Problem
	var argument *reading.Invalid
	switch {
	case errors.As(err, &own):
		return List{own}
	case errors.As(err, &list):
		return list
	case errors.As(err, &invalid):
		for _, f := range invalid {
			list = append(list, &Error{Kind: Invalid, Field: f.Name, Message: f.Err.Error()})
		}
		return list
	case errors.As(err, &argument):
		return List{{Kind: Invalid, Field: argument.Field, Message: argument.Message}}
	case errors.Is(err, reading.ErrNotFound):
		return List{{Kind: NotFound, Message: TextNotFound}}
	case errors.As(err, &problem):
		return List{{Kind: Invalid, Message: problem.Error()}}
	case errors.Is(err, viewer.ErrForm):
		return List{{Kind: Unauthenticated, Message: TextForm}}
	case errors.Is(err, viewer.ErrBadToken):
		return List{{Kind: Unauthenticated, Message: "Token is invalid or expired."}}
	case errors.Is(err, viewer.ErrAnonymous):
		return List{{Kind: Unauthenticated, Message: "Authentication credentials were not provided."}}
	case errors.Is(err, privacy.Deny):
		return List{{Kind: Forbidden, Message: "You do not have permission to perform this action."}}
	case ent.IsNotFound(err):
		return List{{Kind: NotFound, Message: TextNotFound}}
	case errors.Is(err, audit.ErrNotStored), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return List{{Kind: Unavailable, Message: TextUnavailable}}
	}
	return List{database(err)}
}

// database sorts the errors of the two drivers.
func database(err error) *Error {
	var postgres *pq.Error
	var lite *sqlite.Error
	var network net.Error
	unavailable := &Error{Kind: Unavailable, Message: TextUnavailable}
	switch {
	case errors.As(err, &postgres):
		if conflict := conflicts[postgres.Constraint]; conflict != nil {
			return conflict
		}
		switch class := string(postgres.Code.Class()); {
		case class == "08" || class == "53" || class == "57": // connection, resources, shutdown and cancellation
			return unavailable
		case class == "28" || class == "3D": // it does not let us in
			return unavailable
		case class == "40" || postgres.Code == "55P03" || state(postgres) == "25006": // serialization, lock, read-only
			return unavailable
		case postgres.Code == "22021": // a byte sequence that is no text
			return &Error{Kind: Invalid, Message: "Null characters are not allowed."}
		}
	case errors.As(err, &lite):
		_, columns, _ := strings.Cut(lite.Error(), "UNIQUE constraint failed: ")
		columns, _, _ = strings.Cut(columns, " (")
		if conflict := conflicts[columns]; conflict != nil {
			return conflict
		}
		if lite.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY { // clinics alone are ever deleted
			return ClinicGone
		}
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT, // others hold it
			sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM: // the machine is in trouble
			return unavailable
		}
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.As(err, &network):
		return unavailable
	}
	return &Error{Kind: Internal, Message: TextInternal}
}

// Trouble says in a sentence what is wrong, and what to do about it, if err is the failure
// of a machine, of its settings or of a database; else it is empty.
func Trouble(err error) (what, do string) {
	var postgres *pq.Error
	var lite *sqlite.Error
	var t [2]string
	switch {
	case errors.As(err, &postgres):
		t = troubles[state(postgres)]
	case errors.As(err, &lite):
		t = liteTroubles[lite.Code()&0xff]
	}
	return t[0], t[1]
}

// state returns the SQLSTATE. That of a transaction that a standby does not let begin is the
// one of a read-only database: PostgreSQL says of it only that a setting is not supported.
func state(err *pq.Error) string {
	if err.Code == "0A000" && err.Routine == "call_bool_check_hook" {
		return "25006"
	}
	return string(err.Code)
}

// troubles has the sentence of each SQLSTATE that an operator has to do something about.
var troubles = map[string][2]string{
	"53100": {"The disk of PostgreSQL is full, so that nothing can be stored", "free space on it"},
	"53200": {"PostgreSQL is out of memory", "lower its settings, or give the machine more"},
	"53300": {"PostgreSQL has no connection left", "raise max_connections, or run fewer servers"},
	"25006": {"The database is read-only, so that nothing can be stored", "name the primary in DATABASE_URL if this is a standby, or switch default_transaction_read_only off"},
	"28000": {"PostgreSQL does not let this server in", "look at the user in DATABASE_URL, and at pg_hba.conf"},
	"28P01": {"PostgreSQL does not let this server in", "mend the password in DATABASE_URL"},
	"3D000": {"PostgreSQL has no database of the name in DATABASE_URL", "make it, or mend the name"},
	"42501": {"The role in DATABASE_URL lacks a right", "make it the owner of the database and of its tables"},
	"XX001": {"The database is damaged", "stop the servers, look at the disk, and restore a backup"},
	"XX002": {"An index of the database is damaged", "look at the disk, and run REINDEX"},
}

// liteTroubles has the same for SQLite's primary result codes.
var liteTroubles = map[int][2]string{
	sqlite3.SQLITE_FULL:     {"The disk of the database file is full, so that nothing can be stored", "free space on it"},
	sqlite3.SQLITE_READONLY: {"The database file is read-only for this server, so that nothing can be stored", "let its user write the file and its folder"},
	sqlite3.SQLITE_CANTOPEN: {"The database file, or one beside it, cannot be opened", "let the user of this server read and write its folder"},
	sqlite3.SQLITE_IOERR:    {"The disk of the database file fails", "look at it, and at the space that is left"},
	sqlite3.SQLITE_CORRUPT:  {"The database file is damaged", "stop the servers, look at the disk, and restore a backup"},
	sqlite3.SQLITE_NOTADB:   {"The database file is no database of SQLite, or damaged", "look at DATABASE_URL, or restore a backup"},
}

// Safe returns err as it may be logged: the database's messages can quote what
// a caller typed, so only their codes and names are kept, behind the sentence of Trouble.
func Safe(err error) string {
	var postgres *pq.Error
	var lite *sqlite.Error
	text := err.Error()
	switch {
	case errors.As(err, &postgres):
		text = strings.TrimSpace("postgres " + string(postgres.Code) + " " + postgres.Table + " " + postgres.Constraint)
	case errors.As(err, &lite):
		text = "sqlite " + strconv.Itoa(lite.Code())
	}
	if what, do := Trouble(err); what != "" {
		return what + ": " + do + " (" + text + ")"
	}
	return text
}
