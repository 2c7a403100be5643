package graph

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
	"caregraph/ent/invitation"
	"caregraph/ent/patient"
	"caregraph/ent/privacy"
	"caregraph/internal/audit"
	"caregraph/internal/auth"
	"caregraph/internal/fault"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/reading"
	"caregraph/internal/sample"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/internal/viewer"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// TestWriter checks that records and connections write themselves as gqlgen
// would write them, to the byte, over random selections with aliases,
// fragments, directives, variables and __typename, nested and behind lists.
func TestWriter(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, "sqlite3"))
	if err := sample.Generate(t.Context(), db, sample.Size{Users: 3, Doctors: 8, Patients: 40, Mappings: 160}); err != nil {
		t.Fatal(err)
	}
	client := db.Client()
	ctx := viewer.NewContext(t.Context(), viewer.Viewer{UserID: 1, SessionID: 2, Staff: true, ClinicID: 1, Admin: true})
	awkward(t, ctx, client)

	authn := auth.New(client, auth.Options{Key: make([]byte, 32), Access: time.Hour, Refresh: time.Hour})
	for range 2 {
		if _, err := authn.Login(t.Context(), sample.Email(1), sample.Password); err != nil {
			t.Fatal(err)
		}
	}
	contract := Contract(client, audit.New(client), authn, [][]byte{make([]byte, 32)}, time.Hour)
	h := graphqlhttp.New(contract, slog.New(slog.DiscardHandler), graphqlhttp.Options{})
	c := &comparison{t: t, schema: contract.Schema.(*executableSchema)}
	h.Use(c)

	for seed := range uint64(150) {
		g := generator{rand.New(rand.NewPCG(seed, 0)), h.Schema(), 0, &strings.Builder{}}
		object := []string{"User", "Patient", "Doctor", "Mapping"}[g.IntN(4)]
		root := strings.ToLower(object)
		document := fmt.Sprintf("query($yes: Boolean!, $no: Boolean!) { viewer @include(if: $yes) @skip(if: $no) { id } list: %ss%s %s one: %s(id: %d) %s }\n%s",
			root, g.arguments(), g.selection(object+"Connection", 6), root, 1+g.IntN(3), g.selection(object, 6), g.fragments)
		response := h.Execute(ctx, &graphql.RawParams{Query: document, Variables: map[string]any{"yes": true, "no": false}})
		if len(response.Errors) > 0 {
			t.Fatalf("%s\n%v", document, response.Errors)
		}
		if t.Failed() {
			t.Fatal(document)
		}
	}
	if n := c.compared.Load(); n < 3*150 {
		t.Errorf("compared %d values, want three of each document at least", n)
	}
}

// TestWriterFails checks that a record whose edges were not read ahead, which no
// resolver may answer with, is told as an internal error and nothing more.
func TestWriterFails(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, "sqlite3"))
	if err := sample.Generate(t.Context(), db, sample.Size{Users: 1, Doctors: 1, Patients: 1, Mappings: 1}); err != nil {
		t.Fatal(err)
	}
	h := graphqlhttp.New(Contract(db.Client(), audit.New(db.Client()), nil, [][]byte{make([]byte, 32)}, time.Hour), slog.New(slog.DiscardHandler), graphqlhttp.Options{})
	h.Use(careless{})
	ctx := viewer.NewContext(t.Context(), viewer.Viewer{UserID: 1, SessionID: 1})
	response := h.Execute(ctx, &graphql.RawParams{Query: "{ patient(id: 1) { name mappings { id } } }"})
	if string(response.Data) != `{"patient":null}` || len(response.Errors) != 1 || response.Errors[0].Extensions["code"] != "INTERNAL" || response.Errors[0].Message != fault.TextInternal {
		t.Errorf("got %s and %v", response.Data, response.Errors)
	}
}

// careless answers with records whose edges were not read ahead.
type careless struct{}

func (careless) ExtensionName() string                   { return "Careless" }
func (careless) Validate(graphql.ExecutableSchema) error { return nil }

func (careless) InterceptField(context.Context, graphql.Resolver) (any, error) {
	return &ent.Patient{ID: 1, Name: "Arjun"}, nil
}

// awkward adds records whose text must be escaped, or is missing.
func awkward(t *testing.T, ctx context.Context, client *ent.Client) {
	t.Helper()
	err := store.InTx(ctx, client, func(ctx context.Context) error {
		db, all := ent.FromContext(ctx), privacy.DecisionContext(ctx, privacy.Allow)
		for _, err := range []error{
			db.Practice.Create().SetClinicID(1).SetDoctorID(2).SetUserID(1).Exec(all),
			db.Practice.Create().SetClinicID(2).SetDoctorID(1).SetUserID(1).Exec(all),
			db.Patient.Update().Where(patient.IDIn(1, 2, 5)).SetAccountID(1).Exec(all),
			db.Invitation.Create().SetClinicID(1).SetCreatedByID(1).SetRole(invitation.RoleAdmin).SetCodeHash(strings.Repeat("a", 64)).SetExpiresAt(now().Add(time.Hour)).Exec(all),
			db.Invitation.Create().SetClinicID(1).SetCreatedByID(1).SetDoctorID(3).SetCodeHash(strings.Repeat("b", 64)).SetExpiresAt(now().Add(time.Hour)).Exec(all),
			db.Invitation.Create().SetClinicID(2).SetCreatedByID(2).SetPatientID(3).SetCodeHash(strings.Repeat("c", 64)).SetExpiresAt(now().Add(time.Hour)).Exec(all),
		} {
			if err != nil {
				return err
			}
		}
		if err := db.Patient.Update().Where(patient.IDIn(1, 2, 3)).SetName("Zoya \"Z\"").SetBloodGroup(patient.BloodGroupABNegative).ClearMedicalHistory().Exec(ctx); err != nil {
			return err
		}
		return db.Patient.Create().SetName("अर्जुन \"quoted\" \\ <b>&\u2028").SetEmail("a@example.com").SetPhone("9876543210").
			SetDateOfBirth(scalar.ParseDate("1990-05-15")).SetAddress("line\nfeed\ttab\rreturn\x01\x1f\x7f").SetGender(patient.GenderOther).
			SetMedicalHistory("").Exec(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// comparison writes every record and connection at the root in both ways.
type comparison struct {
	t        *testing.T
	schema   *executableSchema
	compared atomic.Int64
}

func (*comparison) ExtensionName() string                   { return "Comparison" }
func (*comparison) Validate(graphql.ExecutableSchema) error { return nil }

func (c *comparison) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	v, err := next(ctx)
	if err != nil || graphql.GetFieldContext(ctx).Object != "Query" {
		return v, err
	}
	var got, want bytes.Buffer
	if err := reading.Write(ctx, &got, v); err != nil {
		c.t.Error(err)
	}
	own := reading.Begin(ctx, reading.NewCursors(make([]byte, 32)), ownPage, false, c.plain)
	if err := reading.Write(own, &want, v); err != nil {
		c.t.Error(err)
	}
	if got.String() != want.String() {
		c.t.Errorf("got  %.2000s\nwant %.2000s", &got, &want)
	}
	c.compared.Add(1)
	return v, nil
}

// plain writes a value, and all below it, as gqlgen does.
func (c *comparison) plain(ctx context.Context, b []byte, v any, selections ast.SelectionSet) ([]byte, error) {
	ec := newExecutionContext(graphql.GetOperationContext(ctx), c.schema, make(chan graphql.DeferredResult, 1))
	var plain graphql.Marshaler
	switch v := v.(type) {
	case *ent.User:
		plain = _User(ctx, ec, selections, v)
	case *ent.Patient:
		plain = _Patient(ctx, ec, selections, v)
	case *ent.Doctor:
		plain = _Doctor(ctx, ec, selections, v)
	case *ent.Mapping:
		plain = _Mapping(ctx, ec, selections, v)
	case *ent.Clinic:
		plain = _Clinic(ctx, ec, selections, v)
	case *ent.Practice:
		plain = _Practice(ctx, ec, selections, v)
	case *ent.Invitation:
		plain = _Invitation(ctx, ec, selections, v)
	case *ent.Session:
		plain = _Session(ctx, ec, selections, v)
	case *ent.AccessEvent:
		plain = _AccessEvent(ctx, ec, selections, v)
	case *reading.Connection[ent.AccessEvent]:
		plain = _AccessEventConnection(ctx, ec, selections, v)
	case *ent.Revision:
		plain = _Revision(ctx, ec, selections, v)
	case *reading.Connection[ent.Revision]:
		plain = _RevisionConnection(ctx, ec, selections, v)
	case *reading.Connection[ent.User]:
		plain = _UserConnection(ctx, ec, selections, v)
	case *reading.Connection[ent.Patient]:
		plain = _PatientConnection(ctx, ec, selections, v)
	case *reading.Connection[ent.Doctor]:
		plain = _DoctorConnection(ctx, ec, selections, v)
	case *reading.Connection[ent.Mapping]:
		plain = _MappingConnection(ctx, ec, selections, v)
	default:
		return nil, fmt.Errorf("unexpected type %T", v)
	}
	w := bytes.NewBuffer(b)
	plain.MarshalGQL(w)
	return w.Bytes(), nil
}

// generator makes random selections.
type generator struct {
	*rand.Rand
	schema    *ast.Schema
	names     int
	fragments *strings.Builder
}

func (g *generator) name() string {
	g.names++
	return fmt.Sprint("n", g.names)
}

func (g *generator) arguments() string {
	return []string{"", "(first: 3)", "(last: 2)", "(first: 0)"}[g.IntN(4)]
}

func (g *generator) directive() string {
	return []string{"", "", "", "@include(if: $yes)", "@include(if: $no)", "@skip(if: $no)", "@skip(if: true)"}[g.IntN(7)]
}

// selection returns a random selection of the type, at most so deep.
func (g *generator) selection(object string, depth int) string {
	var b strings.Builder
	b.WriteString("{ __typename ")
	for range 1 + g.IntN(6) {
		switch g.IntN(8) {
		case 0:
			fmt.Fprintf(&b, "%s: __typename ", g.name())
		case 1:
			fmt.Fprintf(&b, "... on %s %s %s ", object, g.directive(), g.selection(object, depth-1))
		case 2:
			name := g.name()
			fmt.Fprintf(g.fragments, "fragment %s on %s %s\n", name, object, g.selection(object, depth-1))
			fmt.Fprintf(&b, "...%s %s ", name, g.directive())
		default:
			b.WriteString(g.field(object, depth))
		}
	}
	b.WriteString("} ")
	return b.String()
}

func (g *generator) field(object string, depth int) string {
	fields := g.schema.Types[object].Fields
	f := fields[g.IntN(len(fields))]
	if strings.HasPrefix(f.Name, "__") {
		return ""
	}
	text, arguments := f.Name, ""
	if g.schema.Types[f.Type.Name()].Kind == ast.Object {
		if depth <= 0 {
			return ""
		}
		switch {
		case f.Arguments.ForName("first") != nil:
			arguments = g.arguments()
			if f.Arguments.ForName("last") == nil {
				arguments = strings.ReplaceAll(arguments, "last", "first")
			}
		case f.Arguments.ForName("active") != nil:
			arguments = []string{"", "(active: true)", "(active: false)"}[g.IntN(3)]
		}
		if arguments != "" || g.IntN(3) == 0 {
			text = g.name() + ": " + text
		}
		return text + arguments + g.directive() + " " + g.selection(f.Type.Name(), depth-1)
	}
	if g.IntN(3) == 0 {
		text = g.name() + ": " + text
	}
	return text + " " + g.directive() + " "
}
