package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// object is a JSON object.
type object = map[string]any

// document returns the description as JSON.
func document(schema *ast.Schema) []byte {
	parsed, errs := gqlparser.LoadQueryWithRules(schema, documents, rules.NewDefaultRules())
	if errs != nil {
		panic(errs) // the documents are part of the binary
	}
	d := &describer{schema, object{"Error": failure, "Invalid": invalid}}
	paths := map[string]object{}
	for _, e := range routes {
		path := e.Path + "/"
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(e.Method)] = d.operation(e, parsed.Operations.ForName(e.Operation))
	}
	text, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Caregraph REST API", "version": "1.0.0",
			"description": "The documented REST API of clinics' existing clients. Every path answers with and without its trailing slash.",
			"license":     object{"name": "MIT", "identifier": "MIT"},
		},
		"servers":  []any{object{"url": "/"}},
		"security": []any{object{"bearer": []any{}}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
			"schemas":         d.schemas,
		},
	}, "", "  ")
	if err != nil {
		panic(err) // it is made of maps and strings
	}
	return text
}

// OpenAPI serves a description of the REST API in OpenAPI 3.1. It is derived from
// the routes, their documents and the GraphQL contract, so that it cannot say
// anything else than what is served.
func OpenAPI(schema *ast.Schema) http.Handler {
	text := document(schema)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Write(text)
	})
}

var failure = object{
	"type": "object", "required": []string{"detail"},
	"properties": object{
		"detail": object{"type": "string"}, "code": object{"type": "string"}, "request_id": object{"type": "string"},
		"messages": object{"type": "array", "items": object{"type": "object"}},
	},
}

var invalid = object{
	"description":          "The messages of each invalid field, by its key in the request; or one sentence under detail.",
	"type":                 "object",
	"additionalProperties": object{"oneOf": []any{object{"type": "string"}, object{"type": "array", "items": object{"type": "string"}}}},
}

type describer struct {
	schema  *ast.Schema
	schemas object // components
}

// operation describes an endpoint.
func (d *describer) operation(e Endpoint, o *ast.OperationDefinition) object {
	result := o.SelectionSet[len(o.SelectionSet)-1].(*ast.Field)
	tag := strings.Split(e.Path, "/")[2]
	described := object{
		"operationId": e.Operation + map[string]string{"PUT": "ByPut"}[e.Method],
		"summary":     result.Definition.Description,
		"tags":        []string{tag},
		"responses":   d.responses(e, result),
	}
	var parameters []any
	if strings.Contains(e.Path, "{id}") {
		parameters = append(parameters, object{"name": "id", "in": "path", "required": true, "schema": object{"type": "integer"}})
	}
	if e.List {
		for name, text := range map[string]string{"limit": "How many rows at most; 10,000 if left out.", "offset": "How many rows to pass over."} {
			parameters = append(parameters, object{"name": name, "in": "query", "description": text, "schema": object{"type": "integer", "minimum": 0}})
		}
	}
	for _, v := range o.VariableDefinitions {
		if v.Variable == "version" {
			parameters = append(parameters, object{"name": "If-Match", "in": "header", "description": "The ETag of the version that the change is meant for; 412 if it is another one by now.", "schema": object{"type": "string"}})
		}
	}
	if e.Method == "GET" && !e.List {
		parameters = append(parameters, object{"name": "If-None-Match", "in": "header", "description": "The ETag of a version that the client has; 304 if it is the current one.", "schema": object{"type": "string"}})
	}
	if parameters != nil {
		described["parameters"] = parameters
	}
	if e.Public {
		described["security"] = []any{}
	}
	for _, v := range o.VariableDefinitions {
		switch v.Variable {
		case "input":
			described["requestBody"] = content(true, d.input(v.Type.Name()), "application/json", "application/x-www-form-urlencoded", "multipart/form-data")
		case "refresh":
			body := object{"type": "object", "required": []string{"refresh"}, "properties": object{"refresh": object{"type": "string"}}}
			described["requestBody"] = content(true, body, "application/json", "application/x-www-form-urlencoded", "multipart/form-data")
		}
	}
	return described
}

func (d *describer) responses(e Endpoint, result *ast.Field) object {
	success := object{"description": http.StatusText(e.Status)}
	if e.Status != http.StatusNoContent {
		success = content(false, d.answer(e, result), "application/json")
		success["description"] = http.StatusText(e.Status)
	}
	responses := object{strconv.Itoa(e.Status): success}
	if e.Method == "GET" && !e.List {
		responses["304"] = object{"description": http.StatusText(http.StatusNotModified)}
	}
	fails := func(status int, schema string) {
		r := content(false, reference(schema), "application/json")
		r["description"] = http.StatusText(status)
		responses[strconv.Itoa(status)] = r
	}
	if e.Method != "DELETE" {
		fails(http.StatusBadRequest, "Invalid")
	}
	if !e.Public || e.Status == http.StatusOK {
		fails(http.StatusUnauthorized, "Error")
	}
	if strings.Contains(e.Path, "{id}") {
		fails(http.StatusNotFound, "Error")
	}
	if strings.Contains(e.Path, "{id}") && e.Method != "GET" {
		fails(http.StatusPreconditionFailed, "Error")
	}
	if e.Operation == "DeleteDoctor" {
		fails(http.StatusConflict, "Error")
	}
	fails(http.StatusTooManyRequests, "Error")
	fails(http.StatusServiceUnavailable, "Error")
	return responses
}

// answer describes what a success answers.
func (d *describer) answer(e Endpoint, result *ast.Field) object {
	switch {
	case e.List:
		for _, s := range result.SelectionSet {
			if f, ok := s.(*ast.Field); ok && f.Name == "nodes" {
				return object{"type": "array", "items": d.selection(f.SelectionSet)}
			}
		}
	case e.Operation == "Register":
		parts := d.selection(result.SelectionSet)["properties"].(object)
		tokens := object{"refresh": parts["refresh"], "access": parts["access"]}
		return object{
			"type": "object", "required": []string{"user", "message", "tokens"}, "additionalProperties": false,
			"properties": object{
				"user": parts["user"], "message": object{"type": "string"},
				"tokens": object{"type": "object", "required": []string{"refresh", "access"}, "additionalProperties": false, "properties": tokens},
			},
		}
	}
	return d.selection(result.SelectionSet)
}

// selection describes what a selection answers: a component for a fragment.
func (d *describer) selection(set ast.SelectionSet) object {
	properties, required := object{}, []string{}
	for _, s := range set {
		switch s := s.(type) {
		case *ast.FragmentSpread:
			name := strings.ToUpper(s.Name[:1]) + s.Name[1:]
			if d.schemas[name] == nil {
				d.schemas[name] = d.selection(s.Definition.SelectionSet)
			}
			return reference(name)
		case *ast.Field:
			properties[s.Alias] = d.field(s)
			if s.Alias != onlyIfTrue {
				required = append(required, s.Alias)
			}
		}
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func (d *describer) field(f *ast.Field) object {
	if f.SelectionSet != nil {
		if one, ok := f.SelectionSet[0].(*ast.Field); ok && len(f.SelectionSet) == 1 {
			return d.field(one) // an object that stands for one of its members
		}
		return d.selection(f.SelectionSet)
	}
	t := d.typed(f.Definition.Type, f.Definition.Description)
	if t["format"] == "decimal" {
		t["type"] = "string"
	}
	return t
}

// input describes a body as a component.
func (d *describer) input(name string) object {
	properties, required := object{}, []string{}
	for _, f := range d.schema.Types[name].Fields {
		properties[Key(f.Name)] = d.typed(f.Type, f.Description)
		if f.Type.NonNull {
			required = append(required, Key(f.Name))
		}
	}
	described := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		described["required"] = required
	}
	d.schemas[name] = described
	return reference(name)
}

// typed describes a value of a GraphQL type as the REST API writes it.
func (d *describer) typed(t *ast.Type, description string) object {
	described := object{}
	kind := "string"
	switch definition := d.schema.Types[t.Name()]; {
	case definition.Kind == ast.Enum:
		var literals []any
		for _, v := range definition.EnumValues {
			literals = append(literals, Literal(v.Name))
		}
		if !t.NonNull {
			literals = append(literals, nil)
		}
		described["enum"] = literals
	case t.Name() == "ID", t.Name() == "Int":
		kind = "integer"
	case t.Name() == "Boolean":
		kind = "boolean"
	case t.Name() == "Date":
		described["format"] = "date"
	case t.Name() == "DateTime":
		described["format"] = "date-time"
	case t.Name() == "Rupees":
		described["format"] = "decimal"
	}
	described["type"] = kind
	if described["format"] == "decimal" {
		described["type"] = []string{"string", "number"}
	} else if !t.NonNull {
		described["type"] = []string{kind, "null"}
	}
	if description != "" {
		described["description"] = description
	}
	return described
}

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

func content(required bool, schema object, types ...string) object {
	media := object{}
	for _, t := range types {
		media[t] = object{"schema": schema}
	}
	described := object{"content": media}
	if required {
		described["required"] = true
	}
	return described
}
