package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

const goodHeader = `{"alg":"HS256","typ":"JWT"}`

// hs returns a token with this header and payload, signed with the key.
func hs(sum func() hash.Hash, key []byte, header, payload string) string {
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	mac := hmac.New(sum, key)
	mac.Write([]byte(text))
	return text + "." + b64.EncodeToString(mac.Sum(nil))
}

// TestForgedTokens checks that both doors refuse every forged token in the same
// way, as an access token and as a refresh token, and that the token they are
// made from is good.
func TestForgedTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := harness.New(t, db)
		asha, ben := a.Register(t, "asha"), a.Register(t, "ben")
		good := a.Session(t, asha.Email, harness.Password)
		key, now := a.Cfg.Key, time.Now().Unix()
		for _, kind := range []string{"access", "refresh"} {
			t.Run(kind, func(t *testing.T) {
				token, other, otherToken := good.Access, "refresh", good.Refresh
				if kind == "refresh" {
					token, other, otherToken = good.Refresh, "access", good.Access
				}
				parts := strings.Split(token, ".")
				raw, err := base64.RawURLEncoding.DecodeString(parts[1])
				if err != nil {
					t.Fatal(err)
				}
				var honest map[string]any
				if err := json.Unmarshal(raw, &honest); err != nil {
					t.Fatal(err)
				}
				// with returns the payload with one claim changed, or left out.
				with := func(name string, value any) string {
					claims := maps.Clone(honest)
					for _, number := range []string{"exp", "iat", "user_id", "sid"} {
						claims[number] = int64(claims[number].(float64))
					}
					claims[name] = value
					if value == nil {
						delete(claims, name)
					}
					text, err := json.Marshal(claims)
					if err != nil {
						t.Fatal(err)
					}
					return string(text)
				}
				signed := func(payload string) string { return hs(sha256.New, key, goodHeader, payload) }
				taken := func(token string) bool {
					if kind == "refresh" {
						access, _ := a.Refresh(t, token)
						return access != ""
					}
					return a.Works(t, token)
				}
				same := with("jti", honest["jti"])
				for name, token := range map[string]string{
					"itself": token, "signed by the test": signed(same),
					"expired 29 s ago": signed(with("exp", now-25)), "issued in 29 s": signed(with("iat", now+25)),
				} {
					if !taken(token) {
						t.Errorf("%s is refused", name)
					}
				}

				rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
				if err != nil {
					t.Fatal(err)
				}
				ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				public := func(method jwt.SigningMethod, key any) string {
					token, err := jwt.NewWithClaims(method, jwt.MapClaims(honest)).SignedString(key)
					if err != nil {
						t.Fatal(err)
					}
					return token
				}
				withHeader := func(header string) string { return hs(sha256.New, key, header, same) }
				unsigned := func(alg string) string {
					return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`","typ":"JWT"}`)) + "." + parts[1] + "."
				}
				last := token[len(token)-1]
				loose := string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last)|1])
				forged := map[string]string{
					"alg none": unsigned("none"), "alg None": unsigned("None"), "alg NONE": unsigned("NONE"), "alg nOnE with the signature": unsigned("nOnE") + parts[2],
					"alg empty": withHeader(`{"alg":"","typ":"JWT"}`), "no alg": withHeader(`{"typ":"JWT"}`), "alg in lower case": withHeader(`{"alg":"hs256","typ":"JWT"}`),
					"alg null": withHeader(`{"alg":null,"typ":"JWT"}`), "alg a list": withHeader(`{"alg":["HS256"],"typ":"JWT"}`), "alg twice": withHeader(`{"alg":"none","alg":"HS256","typ":"JWT"}`),
					"HS384": hs(sha512.New384, key, `{"alg":"HS384","typ":"JWT"}`, same), "HS512": hs(sha512.New, key, `{"alg":"HS512","typ":"JWT"}`, same),
					"HS512 said to be HS256": hs(sha512.New, key, goodHeader, same), "RS256": public(jwt.SigningMethodRS256, rsaKey), "PS256": public(jwt.SigningMethodPS256, rsaKey), "ES256": public(jwt.SigningMethodES256, ecKey),
					"kid": withHeader(`{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}`), "jku": withHeader(`{"alg":"HS256","jku":"http://127.0.0.1/keys","typ":"JWT"}`),
					"x5u": withHeader(`{"alg":"HS256","typ":"JWT","x5u":"http://127.0.0.1/cert"}`), "x5c": withHeader(`{"alg":"HS256","typ":"JWT","x5c":["AAAA"]}`),
					"jwk": withHeader(`{"alg":"HS256","jwk":{"kty":"oct","k":"a2tr"},"typ":"JWT"}`), "crit": withHeader(`{"alg":"HS256","crit":["exp"],"typ":"JWT"}`),
					"cty": withHeader(`{"alg":"HS256","cty":"JWT","typ":"JWT"}`), "zip": withHeader(`{"alg":"HS256","typ":"JWT","zip":"DEF"}`), "b64": withHeader(`{"alg":"HS256","b64":false,"crit":["b64"],"typ":"JWT"}`),
					"no typ": withHeader(`{"alg":"HS256"}`), "typ at+jwt": withHeader(`{"alg":"HS256","typ":"at+jwt"}`), "typ in lower case": withHeader(`{"alg":"HS256","typ":"jwt"}`), "typ null": withHeader(`{"alg":"HS256","typ":null}`),
					"header no object": withHeader(`"HS256"`), "header empty": withHeader(``), "header {}": withHeader(`{}`),
					"expired 31 s ago": signed(with("exp", now-31)), "issued in 60 s": signed(with("iat", now+60)), "expired long ago": signed(with("exp", 1)),
					"the other kind": otherToken, "token_type of the other kind": signed(with("token_type", other)),
					"token_type Access": signed(with("token_type", strings.ToUpper(kind))), "token_type sliding": signed(with("token_type", "sliding")),
					"sid of another user": signed(with("user_id", ben.ID)), "sid unknown": signed(with("sid", 987654321)),
					"foreign key": hs(sha256.New, []byte(strings.Repeat("x", 32)), goodHeader, same), "empty key": hs(sha256.New, nil, goodHeader, same), "key of the documentation": hs(sha256.New, []byte("secret"), goodHeader, same),
					"no signature": parts[0] + "." + parts[1] + ".", "two segments": parts[0] + "." + parts[1], "one segment": parts[0], "four segments": token + ".AAAA", "five segments (JWE)": token + ".AAAA.AAAA", "empty segments": "..",
					"truncated": token[:len(token)-1], "truncated payload": parts[0] + "." + parts[1][1:] + "." + parts[2], "padded": token + "=", "padded payload": parts[0] + "." + parts[1] + "=." + parts[2],
					"signature not canonical": token[:len(token)-1] + loose, "signature of zeros": parts[0] + "." + parts[1] + "." + strings.Repeat("A", 43), "signature in hex": parts[0] + "." + parts[1] + "." + strings.Repeat("00", 32),
					"standard base64":          strings.NewReplacer("-", "+", "_", "/").Replace(parts[0]+"."+parts[1]) + "./+++" + parts[2][4:],
					"payload of another token": parts[0] + "." + strings.Split(ben.Token, ".")[1] + "." + parts[2],
					"4 KiB + 1":                token + strings.Repeat("A", 4097-len(token)), "4 KiB + 1, signed": signed(strings.TrimSuffix(same, "}") + `,"pad":"` + strings.Repeat("x", 4097) + `"}`),
					"JSON": same, "JSON serialisation": fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2]), "text": "null", "unicode": "ｅｙＪ" + token[3:], "zero-width": token[:5] + "\u200b" + token[5:],
					"exp twice": signed(strings.TrimSuffix(same, "}") + fmt.Sprintf(`,"exp":%d}`, now+3600)), "user_id twice": signed(strings.TrimSuffix(same, "}") + fmt.Sprintf(`,"user_id":%d}`, asha.ID)),
					"claims in capitals": signed(strings.Replace(same, `"user_id"`, `"USER_ID"`, 1)), "payload a list": signed("[" + same + "]"), "payload null": signed("null"), "payload empty": signed(""), "payload twice": signed(same + same),
					"payload not UTF-8": signed(strings.Replace(same, `"access"`, "\"\xff\"", 1) + "\xff"), "nbf in the future": signed(with("nbf", now+3600)), "aud": signed(with("aud", "other")), "iss": signed(with("iss", "other")),
				}
				for _, claim := range []string{"exp", "iat", "jti", "token_type", "user_id", "sid"} {
					for shown, value := range map[string]any{
						"left out": nil, "null": json.RawMessage("null"), "true": true, "a list": []any{honest[claim]}, "an object": map[string]any{}, "negative": -5, "zero": 0, "huge": json.RawMessage("1e400"),
						"beyond int64": json.RawMessage("99999999999999999999"), "a fraction": json.RawMessage("1800000000.5"), "an exponent": json.RawMessage("18e8"), "empty": "", "text": "1800000000",
					} {
						forged[claim+" "+shown] = signed(with(claim, value))
					}
				}
				forged["exp year 10000"] = signed(with("exp", int64(253_402_300_800)))
				forged["exp largest"] = signed(with("exp", int64(1<<63-1)))
				forged["jti short"] = signed(with("jti", "abc"))
				forged["jti in capitals"] = signed(with("jti", strings.ToUpper(strings.Repeat("a", 32))))
				if len(forged) < 40 {
					t.Errorf("%d forged tokens, want at least 40", len(forged))
				}
				for _, name := range slices.Sorted(maps.Keys(forged)) {
					if kind == "access" {
						a.Refuses(t, name, forged[name], strings.Contains(name, "other kind"))
					} else if taken(forged[name]) {
						t.Errorf("%s is taken", name)
					}
				}
				if taken(signed(with("user_id", 987654321))) { // REST tells that the user is not known
					t.Error("a user who does not exist is taken")
				}
				if kind == "refresh" { // a header cannot have these
					for name, token := range map[string]string{"space before": " " + token, "space after": token + " ", "line break": token + "\n", "line break inside": token[:40] + "\r\n" + token[40:], "NUL": token + "\x00", "empty": ""} {
						reply := a.Query(t, harness.Caller{}, `mutation($token: String!) { refreshToken(refresh: $token) { access } }`, map[string]any{"token": token})
						if codes := harness.Failures(t, reply); !slices.Equal(codes, []string{harness.Unauthenticated}) {
							t.Errorf("%s: %s", name, reply)
						}
					}
				}
				if !taken(token) {
					t.Error("the good token is refused after all that")
				}
				t.Logf("%d forged tokens", len(forged))
			})
		}
	})
}
