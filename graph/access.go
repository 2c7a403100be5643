package graph

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/predicate"
	"caregraph/internal/audit"
	"caregraph/internal/fault"
	"caregraph/internal/reading"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
	"caregraph/internal/viewer"
)

// accessLogArguments reads the arguments of Patient.accessLog, two of which are a filter.
func accessLogArguments(ctx context.Context, raw map[string]any) (map[string]any, error) {
	args, err := field_Patient_accessLog_args(ctx, nil, raw)
	if err != nil {
		return nil, err
	}
	actions, _ := args["actions"].([]accessevent.Action)
	user, _ := args["userId"].(*int)
	args["filter"] = &AccessLogFilter{Actions: actions, UserID: user}
	return args, nil
}

// lately is how far back the events about one patient are looked for at first.
const lately = 30 * 24 * time.Hour

// accessLog is the source of the events about patients with these ids.
func accessLog(_ context.Context, ids []int, where []reading.Where) reading.Source[ent.AccessEvent] {
	return reading.Source[ent.AccessEvent]{
		Rows: func(ctx context.Context, p *reading.Page[ent.AccessEvent]) (map[int][]*ent.AccessEvent, error) {
			since := now().Add(-lately)
			if at, ok := p.After().(time.Time); ok {
				since = at.Add(-lately)
			}
			if len(ids) == 1 {
				lists, err := accessEvents.Lists(rule.AboutPatients(ctx, ids, since), p, where, p.Window(1, rule.AccessPatient))
				if err != nil || p.Full(lists[ids[0]]) {
					return lists, err
				}
			}
			return accessEvents.Lists(rule.AboutPatients(ctx, ids, time.Time{}), p, where, p.Window(len(ids), rule.AccessPatient))
		},
		Counts: func(ctx context.Context) (map[int]int, error) {
			return accessEvents.CountsBy(rule.AboutPatients(ctx, ids, time.Time{}), rule.AccessPatient, where)
		},
	}
}

// activity is the source of what the users with these ids did.
func activity(ctx context.Context, ids []int, where []reading.Where) reading.Source[ent.AccessEvent] {
	audit.Change(ctx, accessevent.ActionLIST, "")
	return accessEvents.Children(accessevent.FieldUserID, ids, where)
}

// listAccess is the page of the access log that the query asks for.
func listAccess(ctx context.Context, f *AccessLogFilter) (*reading.Connection[ent.AccessEvent], error) {
	var about []int
	if v, err := viewer.FromContext(ctx); err == nil && v.Staff && f != nil && f.PatientID != nil { // others look at what they did themselves
		about = []int{*f.PatientID}
	}
	audit.Change(ctx, accessevent.ActionLIST, "", about...)
	return accessEvents.List(ctx)
}

// See narrows nothing.
func (f *AccessLogFilter) See() (see func(context.Context) context.Context, short bool) {
	return nil, false
}

// Searches tells that no text is searched for.
func (f *AccessLogFilter) Searches() string { return "" }

// Where returns the conditions of the filter.
func (f *AccessLogFilter) Where(context.Context) ([]reading.Where, error) {
	if f == nil {
		return nil, nil
	}
	if err := bounded(len(f.Actions)); err != nil {
		return nil, err
	}
	var p []predicate.AccessEvent
	if f.Actions != nil {
		p = append(p, accessevent.ActionIn(f.Actions...))
	}
	p = narrowed(p, f.UserID, accessevent.UserID)
	p = narrowed(p, f.SessionID, accessevent.SessionID)
	p = narrowed(p, f.PatientID, rule.OfPatient)
	p = narrowed(p, f.Since, accessevent.AtGTE)
	p = narrowed(p, f.Until, accessevent.AtLT)
	return reading.Conditions(p...), nil
}

// door is where an operation came in; the server's own documents are those of REST.
func door(own bool) audit.Door {
	name := accessevent.DoorGRAPHQL
	if own {
		name = accessevent.DoorREST
	}
	return audit.Door{Name: name, Operation: operationName, HowSeen: rule.HowSeen}
}

// operationName returns the name that the client gave its operation, or else the fields that
// it asks for.
func operationName(ctx context.Context) string {
	o := graphql.GetOperationContext(ctx).Operation
	if o.Name != "" {
		return o.Name
	}
	var names []string
	for _, f := range rootFields(ctx) {
		names = append(names, f.Name)
	}
	return strings.Join(slices.Compact(names), " ")
}

// rootFields returns the fields of Query or Mutation that the operation asks for.
func rootFields(ctx context.Context) []graphql.CollectedField {
	executed := graphql.GetOperationContext(ctx)
	root := strings.ToUpper(string(executed.Operation.Operation[:1])) + string(executed.Operation.Operation[1:])
	return graphql.CollectFields(executed, executed.Operation.SelectionSet, []string{root})
}

// settle stores what the answer shows of patients, and what the viewer was refused; and tells
// the viewer of records that became part of others.
func settle(ctx context.Context, answer *graphql.Response) error {
	for _, err := range answer.Errors {
		code, stale := fault.Kind(codeOf(err.Extensions)), err.Extensions["currentVersion"] != nil
		if code == fault.Forbidden || code == fault.NotFound || stale {
			audit.Deny(ctx, named(ctx)...)
			break
		}
	}
	if err := tellMerged(ctx, answer.Errors); err != nil {
		return err
	}
	return audit.Settle(ctx, string(answer.Data) != "null" && len(answer.Data) > 0)
}

func codeOf(extensions map[string]any) string {
	code, _ := extensions["code"].(string)
	return code
}

// named returns the patients whom the operation names by their ids.
func named(ctx context.Context) []int {
	var ids []int
	for _, f := range rootFields(ctx) {
		ids = slices.AppendSeq(ids, maps.Values(namedBy(ctx, f)))
	}
	return ids
}

// namedBy returns the patients whom a field of Query or Mutation names by their ids, by the
// field of the input that an error about them names; the id itself has none.
func namedBy(ctx context.Context, f graphql.CollectedField) map[string]int {
	named := map[string]int{}
	add := func(field string, value any) {
		if id, err := scalar.UnmarshalID(value); err == nil {
			named[field] = id
		}
	}
	args := given(ctx, f)
	if strings.HasSuffix(strings.ToLower(f.Name), "patient") || f.Name == "patientChanged" {
		add("", args["id"])
	}
	input, _ := args["input"].(map[string]any)
	for _, field := range []string{"patientId", "keepId", "duplicateId"} {
		add(field, args[field])
		add(field, input[field])
	}
	return named
}
