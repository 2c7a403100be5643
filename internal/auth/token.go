package auth

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"caregraph/ent"
)

// Kinds of tokens, as the claim token_type has them.
const (
	accessToken  = "access"
	refreshToken = "refresh"
)

// Limits of a token that is read.
const (
	maxToken  = 4096 // bytes
	clockSkew = 30 * time.Second
)

// Why a token is refused. The REST API tells them apart, GraphQL does not.
var (
	ErrToken     = errors.New("token is invalid or expired")
	ErrTokenType = errors.New("token has wrong type")
)

// claims are those of the documented API.
type claims struct {
	TokenType string `json:"token_type"`
	UserID    int    `json:"user_id"`
	SessionID int    `json:"sid"`
	jwt.RegisteredClaims
}

// newTokenID returns a jti: 32 hex digits.
func newTokenID() string {
	id := make([]byte, 16)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// sign returns a token of the kind for a session, valid from now until expires.
func (s *Service) sign(kind, id string, session *ent.Session, now, expires time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{kind, session.UserID, session.ID, jwt.RegisteredClaims{
		ID:        id,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(expires),
	}}).SignedString(s.key)
}

// parse returns the claims of a token of the kind. It follows RFC 8725: one
// algorithm, one type, no header parameter that could ask for another key, and
// every claim required. It fails with ErrToken or ErrTokenType.
func (s *Service) parse(token, kind string) (*claims, error) {
	if len(token) > maxToken {
		return nil, ErrToken
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(), jwt.WithLeeway(clockSkew), jwt.WithTimeFunc(s.now),
	)
	var c claims
	parsed, err := parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if len(t.Header) != 2 || t.Header["typ"] != "JWT" {
			return nil, ErrToken
		}
		return s.key, nil
	})
	switch {
	case err != nil || !parsed.Valid || c.UserID <= 0 || c.SessionID <= 0 || c.IssuedAt == nil || len(c.ID) != 32:
		return nil, ErrToken
	case c.TokenType != kind && (c.TokenType == accessToken || c.TokenType == refreshToken):
		return nil, ErrTokenType
	case c.TokenType != kind:
		return nil, ErrToken
	}
	return &c, nil
}
