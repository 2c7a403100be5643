package house_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	tables "caregraph/ent/migrate"
	"caregraph/ent/privacy"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestNoDrift checks that the SQL files build exactly the schema in ent/schema.
func TestNoDrift(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		forgetOlderVersions(t, db)
		var missing bytes.Buffer
		if err := db.Client().Schema.WriteTo(t.Context(), &missing, schema.WithDropColumn(true), schema.WithDropIndex(true)); err != nil {
			t.Fatal(err)
		}
		if missing.Len() != 0 {
			t.Errorf("ent/schema differs from the migrations; add a file to internal/store/migrations/%s with:\n%s", db.Dialect, &missing)
		}
		for _, table := range tables.Tables {
			for name, check := range checks(table) {
				if got, want := definition(t, db, table.Name, name, check); got != want {
					t.Errorf("%s is %s in the migrations and %s in ent/schema", name, got, want)
				}
			}
		}
	})
}

// forgetOlderVersions drops what is there for servers of older versions alone, see
// 0012_clinics.sql, and the indexes that ent/schema does not describe: SQLite has a table
// instead.
func forgetOlderVersions(t *testing.T, db *store.DB) {
	t.Helper()
	if db.Dialect != dialect.Postgres {
		return
	}
	if _, err := db.ExecContext(t.Context(), `DROP TRIGGER users_in_clinic ON users; DROP TRIGGER patients_in_clinic ON patients;
		DROP TRIGGER mappings_in_clinic ON mappings; ALTER TABLE mappings DROP COLUMN owner_id; DROP INDEX access_event_patients; DROP INDEX access_event_day`); err != nil {
		t.Fatal(err)
	}
}

// checks returns the CHECK constraints of a table by name.
func checks(table *schema.Table) map[string]string {
	if table.Annotation == nil {
		return nil
	}
	return table.Annotation.Checks
}

// definition returns how the database and how ent/schema define a CHECK
// constraint, which WriteTo compares by name alone.
func definition(t *testing.T, db *store.DB, table, name, check string) (got, want string) {
	t.Helper()
	if db.Dialect == dialect.SQLite {
		if err := db.QueryRowContext(t.Context(), "SELECT sql FROM sqlite_master WHERE name = $1", table).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if want = "CONSTRAINT " + name + " CHECK (" + check + ")"; strings.Contains(got, want) {
			got = want
		}
		return got, want
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "CREATE TEMP TABLE probe (LIKE "+table+"); ALTER TABLE probe ADD CONSTRAINT probe_check CHECK ("+check+")"); err != nil {
		t.Fatal(err)
	}
	err = tx.QueryRowContext(t.Context(), `SELECT pg_get_constraintdef(a.oid), pg_get_constraintdef(b.oid) FROM pg_constraint a, pg_constraint b
		WHERE a.conname = $1 AND b.conname = 'probe_check'`, name).Scan(&got, &want)
	if err != nil {
		t.Fatal(err)
	}
	return got, want
}

// TestFoldedColumns checks that both databases order folded text by its bytes,
// so that a cursor means the same on each, whatever PostgreSQL's locale.
func TestFoldedColumns(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	var columns, others int
	err := db.QueryRowContext(t.Context(), `SELECT count(*), count(*) FILTER (WHERE collation_name IS DISTINCT FROM 'C')
		FROM information_schema.columns WHERE table_schema = 'public' AND (column_name LIKE '%\_key' OR column_name LIKE '%\_sound')`).Scan(&columns, &others)
	if err != nil {
		t.Fatal(err)
	}
	if columns == 0 || others != 0 {
		t.Errorf(`%d of %d folded columns are not COLLATE "C"`, others, columns)
	}
}

// goodRows has a row of each table, in the order of their foreign keys.
var goodRows = []struct {
	table  string
	values map[string]string
}{
	{"clinics", map[string]string{"id": "1", "name": "'asha'", "created_at": "'2026-01-02 03:04:05+00:00'"}},
	{"users", map[string]string{
		"id": "1", "username": "'asha'", "username_key": "'asha'", "email": "'asha@example.com'", "role": "'doctor'", "password_hash": "'x'",
		"clinic_id": "1", "clinic_role": "'admin'",
		"is_active": "true", "is_staff": "false", "date_joined": "'2026-01-02 03:04:05+00:00'",
	}},
	{"doctors", map[string]string{
		"id": "1", "name": "'Dr. Rao'", "name_key": "'dr. rao'", "email": "'rao@example.com'", "specialization": "'Cardiology'",
		"specialization_key": "'cardiology'", "license_number": "'MCI-1'", "experience_years": "70", "consultation_fee": "10000000",
		"created_at": "'2026-01-02 03:04:05+00:00'", "updated_at": "'2026-01-02 03:04:05+00:00'", "version": "1",
	}},
	{"patients", map[string]string{
		"id": "1", "clinic_id": "1", "created_by_id": "1", "name": "'Arjun'", "name_key": "'arjun'", "email": "'arjun@example.com'", "phone": "'9876543210'",
		"date_of_birth": "'1880-01-01'", "address": "'Pune'", "gender": "'male'",
		"created_at": "'2026-01-02 03:04:05+00:00'", "updated_at": "'2026-01-02 03:04:05+00:00'", "version": "1",
	}},
	{"mappings", map[string]string{
		"id": "1", "clinic_id": "1", "created_by_id": "1", "patient_id": "1", "doctor_id": "1", "is_active": "true",
		"assigned_date": "'2026-01-02 03:04:05+00:00'", "created_at": "'2026-01-02 03:04:05+00:00'", "updated_at": "'2026-01-02 03:04:05+00:00'", "version": "1",
	}},
	{"sessions", map[string]string{
		"id": "1", "user_id": "1", "role": "'doctor'", "staff": "false", "user_agent": "''", "address": "'127.0.0.1'",
		"refresh_id": "'0123456789abcdef0123456789abcdef'", "created_at": "'2026-01-02 03:04:05+00:00'",
		"last_used_at": "'2026-01-02 03:04:05+00:00'", "expires_at": "'2026-01-02 03:04:05+00:00'",
	}},
	{"practices", map[string]string{"id": "1", "clinic_id": "1", "doctor_id": "1", "user_id": "1", "created_at": "'2026-01-02 03:04:05+00:00'"}},
	{"invitations", map[string]string{
		"id": "1", "clinic_id": "1", "created_by_id": "1", "doctor_id": "1", "code_hash": "'" + strings.Repeat("0", 64) + "'",
		"created_at": "'2026-01-02 03:04:05+00:00'", "expires_at": "'2026-01-02 03:04:05+00:00'",
	}},
	{"revisions", map[string]string{"id": "1000", "patient_id": "1", "version": "1", "kind": "'update'", "at": "'2026-01-02 03:04:05+00:00'", "diff": "'{}'"}},
	{"access_events", map[string]string{
		"id": "1", "at": "'2026-01-02 03:04:05+00:00'", "action": "'READ'", "door": "'REST'", "operation": "''", "request_id": "''", "address": "''", "user_agent": "''",
		"patients": "'{1,2}'", "writer": "1", "batch": "1",
	}},
	{"erasures", map[string]string{"id": "1000", "patient_id": "1", "at": "'2026-01-02 03:04:05+00:00'", "actor_id": "1", "reason": "'At the request of the patient'"}},
	{"replays", map[string]string{
		"id": "'" + strings.Repeat("0", 64) + "'", "user_id": "1", "request": "'" + strings.Repeat("0", 64) + "'", "answer": "'x'", "created_at": "'2026-01-02 03:04:05+00:00'",
	}},
	{"guesses", map[string]string{
		"id": "'0123456789abcdef0123456789abcdef'", "failures": "1", "last_at": "'2026-01-02 03:04:05+00:00'",
	}},
}

// good returns the value of a column in the good row of the table.
func good(table, column string) string {
	for _, row := range goodRows {
		if row.table == table {
			return row.values[column]
		}
	}
	return ""
}

// TestLimitsInDatabase checks that the database itself refuses a row that can
// never be right, whoever writes it.
func TestLimitsInDatabase(t *testing.T) {
	long := func(n int) string { return "'" + strings.Repeat("a", n) + "'" }
	tests := []struct{ constraint, column, value string }{
		{"clinics_name_valid", "name", "''"},
		{"clinics_name_valid", "name", long(101)},
		{"invitations_role_valid", "role", "'owner'"},
		{"invitations_role_valid", "role", "'member'"}, // of a doctor
		{"invitations_code_hash_valid", "code_hash", long(63)},
		{"invitations_ended_at_valid", "accepted_by_id", "1"},
		{"users_username_valid", "username", "''"},
		{"users_username_valid", "username", long(151)},
		{"users_email_valid", "email", long(255)},
		{"users_phone_valid", "phone", long(33)},
		{"users_role_valid", "role", "'admin'"},
		{"users_clinic_role_valid", "clinic_role", "'owner'"},
		{"users_password_hash_valid", "password_hash", long(513)},
		{"doctors_name_valid", "name", "''"},
		{"doctors_name_valid", "name", long(101)},
		{"doctors_email_valid", "email", long(255)},
		{"doctors_phone_valid", "phone", "''"},
		{"doctors_specialization_valid", "specialization", long(101)},
		{"doctors_license_number_valid", "license_number", long(51)},
		{"doctors_experience_years_valid", "experience_years", "-1"},
		{"doctors_experience_years_valid", "experience_years", "71"},
		{"doctors_consultation_fee_valid", "consultation_fee", "-1"},
		{"doctors_consultation_fee_valid", "consultation_fee", "10000001"},
		{"doctors_address_valid", "address", long(20_001)},
		{"doctors_availability_valid", "availability", long(201)},
		{"patients_name_valid", "name", long(101)},
		{"patients_email_valid", "email", "''"},
		{"patients_phone_valid", "phone", long(33)},
		{"patients_date_of_birth_valid", "date_of_birth", "'1879-12-31'"},
		{"patients_address_valid", "address", long(20_001)},
		{"patients_gender_valid", "gender", "'unknown'"},
		{"patients_blood_group_valid", "blood_group", "'C+'"},
		{"patients_emergency_contact_valid", "emergency_contact", long(20_001)},
		{"patients_medical_history_valid", "medical_history", long(20_001)},
		{"mappings_notes_valid", "notes", long(20_001)},
		{"mappings_ended_at_valid", "is_active", "false"},
		{"mappings_ended_at_valid", "ended_at", "'2026-01-02 03:04:05+00:00'"},
		{"sessions_role_valid", "role", "'admin'"},
		{"sessions_user_agent_valid", "user_agent", long(301)},
		{"sessions_address_valid", "address", long(65)},
		{"sessions_refresh_id_valid", "refresh_id", long(31)},
		{"revisions_kind_valid", "kind", "'look'"},
		{"revisions_version_valid", "version", "0"},
		{"revisions_version_valid", "doctor_id", "1"},
		{"revisions_version_valid", "patient_id", "NULL"},
		{"access_events_operation_valid", "operation", long(101)},
		{"access_events_request_id_valid", "request_id", long(65)},
		{"access_events_address_valid", "address", long(65)},
		{"access_events_user_agent_valid", "user_agent", long(301)},
		{"access_events_subject_valid", "subject", long(41)},
		{"access_events_batch_valid", "batch", "0"},
		{"access_events_hash_valid", "hash", long(63)},
		{"erasures_reason_valid", "reason", "''"},
		{"replays_id_valid", "id", long(63)},
		{"replays_request_valid", "request", long(65)},
		{"guesses_id_valid", "id", long(33)},
		{"guesses_failures_valid", "failures", "0"},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		forgetOlderVersions(t, db)
		tried := map[string]bool{}
		for _, tt := range tests {
			tried[tt.constraint] = true
			table := ""
			for _, t := range tables.Tables {
				if strings.HasPrefix(tt.constraint, t.Name+"_") {
					table = t.Name
				}
			}
			if err := try(t, db, table, tt.column, tt.value); !refused(err, tt.constraint) {
				t.Errorf("%s with %s %.20s: got %v, want %s", table, tt.column, tt.value, err, tt.constraint)
			}
		}
		for _, table := range tables.Tables {
			if err := try(t, db, table.Name, "id", good(table.Name, "id")); err != nil {
				t.Errorf("a good row: %v", err)
			}
			for name := range checks(table) {
				if !tried[name] {
					t.Errorf("no row tries %s", name)
				}
			}
			for _, column := range table.Columns {
				if column.Nullable || column.Name == "id" {
					continue
				}
				if err := try(t, db, table.Name, column.Name, "NULL"); !refused(err, "null") {
					t.Errorf("%s without %s: got %v", table.Name, column.Name, err)
				}
			}
			for _, key := range table.ForeignKeys {
				if err := try(t, db, table.Name, key.Columns[0].Name, "99"); !refused(err, "foreign key") {
					t.Errorf("%s of no such %s: got %v", table.Name, key.RefTable.Name, err)
				}
			}
		}
	})
}

func refused(err error, because string) bool {
	return err != nil && strings.Contains(strings.ToLower(err.Error()), because)
}

// try inserts the row of the table with another value in one column, after
// those of the tables before it, and undoes everything.
func try(t *testing.T, db *store.DB, table, column, value string) error {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, row := range goodRows {
		values := maps.Clone(row.values)
		if row.table == table {
			values[column] = value
			return insertRow(t, tx, table, values)
		}
		if err := insertRow(t, tx, row.table, values); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("no row for the table %s", table)
	return nil
}

func insertRow(t *testing.T, tx *sql.Tx, table string, values map[string]string) error {
	t.Helper()
	columns := slices.Sorted(maps.Keys(values))
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = values[c]
	}
	_, err := tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), strings.Join(list, ", ")))
	return err
}

// TestAnonymousSeesNothing checks that every entity type denies reading and
// writing without a viewer. It finds the types by reflection, so a new type is
// covered too.
func TestAnonymousSeesNothing(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.SQLite))
	client := reflect.ValueOf(db.Client()).Elem()
	types := 0
	for i := range client.NumField() {
		entity := client.Field(i)
		if !entity.MethodByName("Query").IsValid() {
			continue
		}
		types++
		for _, call := range [][2]string{{"Query", "Exist"}, {"Query", "Count"}, {"Delete", "Exec"}} {
			builder := entity.MethodByName(call[0]).Call(nil)[0]
			err, _ := builder.MethodByName(call[1]).Call([]reflect.Value{reflect.ValueOf(t.Context())})[1].Interface().(error)
			if !errors.Is(err, privacy.Deny) {
				t.Errorf("%s.%s().%s: got %v, want a denial", client.Type().Field(i).Name, call[0], call[1], err)
			}
		}
	}
	if types != len(tables.Tables) {
		t.Errorf("found %d entity types, want %d", types, len(tables.Tables))
	}
}

// readSchema returns the GraphQL schema in a file.
func readSchema(t *testing.T, name string) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := gqlparser.LoadSchema(&ast.Source{Name: name, Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestDescriptions checks that schema.graphqls describes everything: it is the
// public documentation.
func TestDescriptions(t *testing.T) {
	missing := func(description string, name ...string) {
		if strings.TrimSpace(description) == "" {
			t.Errorf("%s has no description", strings.Join(name, "."))
		}
	}
	for _, d := range readSchema(t, harness.Path("schema.graphqls")).Types {
		if d.BuiltIn {
			continue
		}
		missing(d.Description, d.Name)
		for _, v := range d.EnumValues {
			missing(v.Description, d.Name, v.Name)
		}
		for _, f := range d.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			missing(f.Description, d.Name, f.Name)
			for _, a := range f.Arguments {
				missing(a.Description, d.Name, f.Name, a.Name)
			}
		}
	}
}

// TestContract checks that schema.graphqls carries everything that dashboards
// are written against: names, types, nullability, arguments and defaults.
func TestContract(t *testing.T) {
	contract, ours := elements(readSchema(t, "testdata/contract.graphqls")), elements(readSchema(t, harness.Path("schema.graphqls")))
	for _, name := range slices.Sorted(maps.Keys(contract)) {
		if got, want := ours[name], contract[name]; got != want {
			t.Errorf("%s is %q, the contract has %q", name, got, want)
		}
	}
}

// elements returns what a schema consists of, by name: the kind of a type, the
// type of a field or argument with its default.
func elements(s *ast.Schema) map[string]string {
	all := map[string]string{}
	for _, d := range s.Types {
		if d.BuiltIn {
			continue
		}
		all[d.Name] = string(d.Kind)
		for _, v := range d.EnumValues {
			all[d.Name+"."+v.Name] = "value"
		}
		for _, f := range d.Fields {
			all[d.Name+"."+f.Name] = typed(f.Type, f.DefaultValue)
			for _, a := range f.Arguments {
				all[d.Name+"."+f.Name+"."+a.Name] = typed(a.Type, a.DefaultValue)
			}
		}
	}
	return all
}

func typed(t *ast.Type, standard *ast.Value) string {
	if standard == nil {
		return t.String()
	}
	return t.String() + " = " + standard.String()
}
