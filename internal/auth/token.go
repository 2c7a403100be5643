package auth

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
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

// claims are those of the documented API, and sid, the session's id.
type claims struct {
	TokenType string `json:"token_type"`
	UserID    int    `json:"user_id"`
	SessionID int    `json:"sid"`
	jwt.RegisteredClaims
}

// UnmarshalJSON reads the claims that sign writes, each of them once and in its
// own type, and no others. The standard library would take a claim that is
// given twice, a name in capitals, or a number in quotes.
func (c *claims) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	opening, err := d.Token()
	if err != nil || opening != json.Delim('{') {
		return ErrToken
	}
	values := map[any]any{}
	for d.More() {
		name, err := d.Token()
		value, errValue := d.Token()
		if _, twice := values[name]; twice || err != nil || errValue != nil {
			return ErrToken
		}
		values[name] = value
	}
	positive := func(name string) int64 {
		number, _ := values[name].(json.Number)
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || n > maxNumber {
			return 0
		}
		return n
	}
	issued, expires := positive("iat"), positive("exp")
	c.UserID, c.SessionID = int(positive("user_id")), int(positive("sid"))
	c.TokenType, _ = values["token_type"].(string)
	c.ID, _ = values["jti"].(string)
	if len(values) != 6 || c.UserID <= 0 || c.SessionID <= 0 || issued <= 0 || expires <= 0 || !tokenID.MatchString(c.ID) {
		return ErrToken
	}
	c.IssuedAt, c.ExpiresAt = jwt.NewNumericDate(time.Unix(issued, 0)), jwt.NewNumericDate(time.Unix(expires, 0))
	return nil
}

// maxNumber is the largest number in a claim: the last second of the year 9999.
const maxNumber = 253_402_300_799

// tokenID matches a jti.
var tokenID = regexp.MustCompile(`^[0-9a-f]{32}$`)

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

// tokenHeader is how every token begins: {"alg":"HS256","typ":"JWT"}.
var tokenHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "."

// verifying returns the keys with which a token may be signed.
func (s *Service) verifying() jwt.VerificationKeySet {
	set := jwt.VerificationKeySet{Keys: []jwt.VerificationKey{s.key}}
	if len(s.Previous) > 0 {
		set.Keys = append(set.Keys, s.Previous)
	}
	return set
}

// parse returns the claims of a token of the kind. It follows RFC 8725: one
// algorithm, one type, no header parameter that could ask for another key, and
// every claim required. It fails with ErrToken or ErrTokenType.
func (s *Service) parse(token, kind string) (*claims, error) {
	if len(token) > maxToken || !strings.HasPrefix(token, tokenHeader) {
		return nil, ErrToken
	}
	var c claims
	parsed, err := s.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return s.verifying(), nil })
	switch {
	case err != nil || !parsed.Valid || strings.ContainsAny(token, "\r\n"): // which the decoder skips
		return nil, ErrToken
	case c.TokenType != kind && (c.TokenType == accessToken || c.TokenType == refreshToken):
		return nil, ErrTokenType
	case c.TokenType != kind:
		return nil, ErrToken
	}
	return &c, nil
}
