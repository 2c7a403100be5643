package graphqlhttp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"caregraph/internal/fault"
	"caregraph/internal/request"
)

// Documents says which documents are answered by their hash, and whether any
// others are answered at all.
type Documents struct {
	Trusted map[string]string // by the SHA-256 of the text in hexadecimal; nil: every document may be sent
	LogOnly bool              // answer other documents, too, and log their hashes
	Persist bool              // keep what clients send with its hash (automatic persisted queries)
}

// ParseDocuments reads trusted documents: a JSON object of texts by their
// SHA-256 in hexadecimal. It fails if a hash is not that of its text.
func ParseDocuments(data []byte) (map[string]string, error) {
	var trusted map[string]string
	if err := json.Unmarshal(data, &trusted); err != nil || len(trusted) == 0 {
		return nil, errors.New("it must be a JSON object of documents by their SHA-256 in hexadecimal")
	}
	for hash, text := range trusted {
		if Hash(text) != hash {
			return nil, fmt.Errorf("%q is not the SHA-256 of its document", hash)
		}
	}
	return trusted, nil
}

// Hash returns the hash by which a request names a document: its SHA-256 in
// hexadecimal.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// operations returns the names of the operations in the trusted documents.
func (d Documents) operations() map[string]bool {
	names := map[string]bool{}
	for _, text := range d.Trusted {
		document, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			continue // who asks for it is told
		}
		for _, o := range document.Operations {
			names[shorten(o.Name)] = true
		}
	}
	return names
}

// persisted finds the document that a request names by its hash, and refuses
// one that is not trusted.
type persisted struct {
	Documents
	most int // bytes of a document
	kept *kept[string]
	log  *slog.Logger
}

// ExtensionName returns the name of the extension.
func (persisted) ExtensionName() string { return "PersistedDocuments" }

// Validate accepts every schema.
func (persisted) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters puts the document that is meant into the request.
func (p persisted) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if own(ctx) || p.Trusted == nil && !p.Persist {
		return nil
	}
	hash := hashIn(params.Extensions)
	if params.Query == "" {
		text, known := p.Trusted[hash]
		if !known && p.Persist {
			text, known = p.kept.Get(ctx, hash)
		}
		if !known {
			return refused(fault.Invalid, "PersistedQueryNotFound", nil) // the text that clients know
		}
		params.Query = text
	}
	if over(len(params.Query), p.most) {
		return nil // which the limits refuse
	}
	own := Hash(params.Query)
	if hash != "" && hash != own {
		return refused(fault.Invalid, "The hash is not that of the document.", nil)
	}
	if _, known := p.Trusted[own]; p.Trusted != nil && !known {
		if !p.LogOnly {
			return refused(fault.Forbidden, "This server answers trusted documents only.", nil)
		}
		p.log.WarnContext(ctx, "document is not trusted", "sha256", own, "request_id", request.ID(ctx))
	}
	if p.Persist && hash != "" {
		p.kept.Add(ctx, own, params.Query)
	}
	return nil
}

// hashIn returns the hash by which a request names its document, if it does.
func hashIn(extensions map[string]any) string {
	query, _ := extensions["persistedQuery"].(map[string]any)
	hash, _ := query["sha256Hash"].(string)
	return hash
}
