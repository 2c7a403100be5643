package auth

import (
	"strings"
	"testing"
	"time"

	"caregraph/ent"
)

// fixed returns a service that signs and reads tokens, and whose clock stands.
func fixed() *Service {
	s := New(nil, Options{Key: []byte(strings.Repeat("k", 32))})
	s.now = func() time.Time { return time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC) }
	return s
}

// FuzzToken checks that nothing is read as a token but what the service writes
// for the same claims, byte for byte.
func FuzzToken(f *testing.F) {
	s := fixed()
	good, err := s.sign(accessToken, strings.Repeat("a", 32), &ent.Session{ID: 1, UserID: 2}, s.now(), s.now().Add(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	for _, token := range []string{
		good, good + "=", good + "\n", " " + good, good[:len(good)-1], good + ".", "", "..", "eyJhbGciOiJub25lIn0.e30.",
		strings.Replace(good, ".", "..", 1), strings.ToLower(good), tokenHeader + "e30.e30", strings.Repeat("a", maxToken+1),
	} {
		f.Add(token, `{"token_type":"access","exp":1800000000,"iat":1700000000,"jti":"00000000000000000000000000000000","user_id":1,"sid":1}`)
	}
	for _, payload := range []string{`{}`, `[]`, `{"exp":1,"exp":2}`, `{"exp":"1"}`, `{"exp":1e9}`, `{"exp":{}}`, `null`, `{"EXP":1}`, `{`, "\x00"} {
		f.Add("", payload)
	}
	f.Fuzz(func(t *testing.T, token, payload string) {
		if c, err := s.parse(token, accessToken); err == nil {
			session := &ent.Session{ID: c.SessionID, UserID: c.UserID}
			if again, err := s.sign(accessToken, c.ID, session, c.IssuedAt.Time, c.ExpiresAt.Time); err != nil || again != token {
				t.Errorf("%q is read as what is written %q", token, again)
			}
		}
		var c claims
		if err := c.UnmarshalJSON([]byte(payload)); err == nil {
			if c.UserID <= 0 || c.SessionID <= 0 || c.ExpiresAt.Unix() <= 0 || c.IssuedAt.Unix() <= 0 || len(c.ID) != 32 {
				t.Errorf("%q is read as %+v", payload, c)
			}
		}
	})
}

// FuzzPasswordHash checks that a stored hash is read, or refused, within the
// bounds that keep a forged one from occupying the server.
func FuzzPasswordHash(f *testing.F) {
	for _, stored := range []string{
		unknown, unusable, "", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA", "$argon2id$v=19$m=4294967295,t=2,p=1$AAAA$" + strings.Repeat("A", 43),
		"$argon2id$v=19$m=8,t=0,p=0$AAAA$" + strings.Repeat("A", 43), "$argon2id$v=19$m=19456,t=2,p=1x$AAAA$" + strings.Repeat("A", 43),
		"pbkdf2_sha256$1000$salt$" + strings.Repeat("A", 43) + "=", "pbkdf2_sha1$1$salt$" + strings.Repeat("A", 27) + "=",
		"pbkdf2_sha256$99999999999$salt$" + strings.Repeat("A", 43) + "=", "pbkdf2_sha256$-1$salt$AAAA", "md5$salt$00", "bcrypt$$2b$12$x",
	} {
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		h, err := parseHash(stored)
		if err != nil {
			return
		}
		if len(h.key) < 16 || len(h.key) > 64 {
			t.Errorf("%q has a key of %d bytes", stored, len(h.key))
		}
		if cheap := strings.Contains(stored, "$m=8,t=1,") || strings.HasPrefix(stored, "pbkdf2_sha256$1$"); cheap && len(h.derive("x")) != len(h.key) {
			t.Errorf("%q derives another length", stored)
		}
	})
}
