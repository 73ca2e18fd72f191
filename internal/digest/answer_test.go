package digest

import (
	"fmt"
	"strings"
	"testing"
)

// TestC30_AnswerForms is the matrix of quirk C-30: every form of a field that
// means the same is verified with the right password and with no other.
func TestC30_AnswerForms(t *testing.T) {
	type param struct{ key, value string }
	separators := map[string]string{"comma": ", ", "tight": ",", "none": " ", "folded": ",\r\n   ", "bare fold": "\n\t"}
	bare := map[string]map[string]bool{
		"RFC 7616": {"nc": true, "qop": true, "algorithm": true},
		"quoted":   {},
		"unquoted": {"nc": true, "qop": true, "algorithm": true, "realm": true, "nonce": true, "response": true, "uri": true, "cnonce": true, "username": true},
	}
	uris := []string{"/cr", "", "http://192.0.2.1:7547/cr?x=1", "/elsewhere:1"}
	for _, qop := range []string{"", "auth", "auth-int"} {
		for _, algorithm := range []string{"", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"} {
			for sepName, separator := range separators {
				for bareName, isBare := range bare {
					for _, uri := range uris {
						r := request{
							algorithm: algorithm, username: "00D09E-X", realm: "gw", password: "p:w", method: "GET",
							uri: uri, nonce: "nonce", nc: "00000001", cnonce: "cn", qop: qop,
						}
						response, _ := r.response()
						params := []param{{"username", r.username}, {"realm", r.realm}, {"nonce", r.nonce}, {"uri", uri}, {"cnonce", r.cnonce}}
						if qop != "" {
							params = append(params, param{"nc", r.nc}, param{"qop", qop})
						}
						if algorithm != "" {
							params = append(params, param{"algorithm", algorithm})
						}
						params = append(params, param{"response", response})
						var list []string
						for _, p := range params {
							if isBare[p.key] && p.value != "" {
								list = append(list, p.key+"="+p.value)
							} else {
								list = append(list, p.key+`="`+p.value+`"`)
							}
						}
						field := "Digest " + strings.Join(list, separator)
						name := fmt.Sprintf("qop %q algorithm %q %s %s uri %q", qop, algorithm, sepName, bareName, uri)
						a, ok := ParseAnswer(field)
						if !ok || a.Username != r.username || a.URI != uri || !a.Verify("GET", "p:w") {
							t.Errorf("%s: %q read as %+v, %v", name, field, a, ok)
						}
						if a.Verify("GET", "p") || a.Verify("POST", "p:w") {
							t.Errorf("%s: verifies what is wrong", name)
						}
					}
				}
			}
		}
	}
}

// TestC30_CapturedAnswers are fields of real clients; the password of all of
// them is known.
func TestC30_CapturedAnswers(t *testing.T) {
	for name, tt := range map[string]struct{ field, method, username, password string }{
		"netcwmp, RFC 2069 though auth was offered, empty uri": {
			`Digest username="cpe1", realm="lab", nonce="c6df408a71ab2c73", uri="", response="e2012a2d59d7d5f2e1f1e384e08249bc"`,
			"POST", "cpe1", "cpepw",
		},
		"easycwmp": {
			`Digest username="cpe1", realm="lab", nonce="04c8ef3be0a8b603", uri="/cwmp", cnonce="YmU4M2VhM2U1MWMzOTc1NWU5OGE4ZDQxOTE3OGExNmY=", nc=00000002, qop=auth, response="93e73669621fa1a8636d11d7c878f513", opaque="opeeec", algorithm=MD5`,
			"POST", "cpe1", "cpepw",
		},
		"GenieACS to netcwmp": {
			`Digest username="cruser", realm="cwmpd", nonce="c4ca4238a0b923820dcc509a6f75849b", uri="/", response="c04d5df068a1ea3a5eff3e558b135b24", qop=auth, nc=00000001, cnonce="596c519d5d981f17", opaque=""`,
			"GET", "cruser", "crpass",
		},
		"GenieACS to easycwmp": {
			`Digest username="cruser",realm="realm@easycwmp",nonce="8c9da51c5d441d1623774a063045303300001194",uri="/",qop=auth,nc=00000001,cnonce="178d76c1cd4e7cc1",response="ba7518da3c0ca98de817b15306c5bfa0",opaque="328458fab28345ae87ab3210a8513b14eff452a2"`,
			"GET", "cruser", "crpass",
		},
	} {
		a, ok := ParseAnswer(tt.field)
		if !ok || a.Username != tt.username || !a.Verify(tt.method, tt.password) {
			t.Errorf("%s: %+v, %v", name, a, ok)
		}
		if a.Verify(tt.method, "other") {
			t.Errorf("%s: verifies what is wrong", name)
		}
	}
}

func TestParseAnswerTolerates(t *testing.T) {
	for name, tt := range map[string]struct {
		field    string
		username string
	}{
		"upper case response":  {`DIGEST username="u", nonce="n", uri="/", realm="r", response="ABCD"`, "u"},
		"tab behind scheme":    {"Digest\tusername=\"u\", nonce=\"n\", response=\"ab\"", "u"},
		"fold behind scheme":   {"Digest\r\n username=\"u\", nonce=\"n\", response=\"ab\"", "u"},
		"duplicate user":       {`Digest username="u", username="v", nonce="n", response="ab"`, "u"},
		"backslash in user":    {`Digest username="DOM\user", nonce="n", response="ab"`, `DOM\user`},
		"escaped quotes":       {`Digest username="a\"b\\c", nonce="n", response="ab"`, `a"b\c`},
		"Basic in odd case":    {"bAsIc  dTpw", "u"},
		"Basic, no padding":    {"Basic dXU6cA", "uu"},
		"Basic, folded":        {"Basic\r\n dTpw", "u"},
		"Basic, no password":   {"Basic OEtBOFdBMTE1MTEwMDA0Mzo=", "8KA8WA1151100043"},
		"Basic, empty user":    {"Basic OnA=", ""},
		"digest without user":  {`Digest nonce="n", response="ab"`, ""},
		"scheme named in user": {`Digest username="Basic", nonce="n", response="ab"`, "Basic"},
	} {
		if a, ok := ParseAnswer(tt.field); !ok || a.Username != tt.username {
			t.Errorf("%s: %+v, %v", name, a, ok)
		}
	}
}

func TestParseAnswerRefuses(t *testing.T) {
	for _, field := range []string{
		"", "Digest", "Basic", "Basic !", "Basic dQ==", "Bearer abc", `Digest username="u", nonce="n"`,
		`Digest username="u", response="ab"`, `username="u", nonce="n", response="ab"`,
		`Basic x, Digest username="u", nonce="n", response="ab"`,
	} {
		if a, ok := ParseAnswer(field); ok {
			t.Errorf("%q read as %+v", field, a)
		}
	}
	if (Answer{}).Verify("GET", "") || (Answer{Scheme: SchemeDigest}).Verify("GET", "") {
		t.Error("an empty answer verifies")
	}
}
