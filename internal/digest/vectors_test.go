package digest

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

type vectors struct {
	Digest []struct {
		Desc, Algorithm, Username, Realm, Password, Method, URI string
		Nonce, NC, CNonce, QOP, Opaque, Response                string
	} `json:"http_digest"`
	Basic []struct {
		Desc, Username, Password, Authorization string
	} `json:"http_basic"`
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Digest) < 8 || len(v.Basic) < 1 {
		t.Fatalf("%d and %d vectors, want 8 and 1", len(v.Digest), len(v.Basic))
	}
	return v
}

func TestVectorsDigest(t *testing.T) {
	for _, v := range readVectors(t).Digest {
		t.Run(v.Desc, func(t *testing.T) {
			c := Challenge{Scheme: SchemeDigest, Realm: v.Realm, Nonce: v.Nonce, Opaque: v.Opaque, Algorithm: v.Algorithm}
			if v.QOP != "" {
				c.QOP = []string{v.QOP}
			}
			nc, _ := strconv.ParseUint(v.NC, 16, 32)
			field, err := c.Answer(v.Username, v.Password, v.Method, v.URI, v.CNonce, uint32(nc))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(field, `response="`+v.Response+`"`) {
				t.Errorf("answer %s, want response %s", field, v.Response)
			}
			a, ok := ParseAnswer(field)
			if !ok {
				t.Fatalf("cannot read our own %s", field)
			}
			if a.Username != v.Username || a.Realm != v.Realm || a.Nonce != v.Nonce || a.URI != v.URI ||
				a.QOP != v.QOP || a.NC != v.NC || a.CNonce != v.CNonce || a.Opaque != v.Opaque {
				t.Errorf("read back %+v", a)
			}
			if !a.Verify(v.Method, v.Password) {
				t.Error("right password refused")
			}
			if a.Verify(v.Method, v.Password+"x") || a.Verify("PUT", v.Password) {
				t.Error("wrong password or method accepted")
			}
		})
	}
}

func TestVectorsBasic(t *testing.T) {
	for _, v := range readVectors(t).Basic {
		if got := Basic(v.Username, v.Password); got != v.Authorization {
			t.Errorf("%s: %s, want %s", v.Desc, got, v.Authorization)
		}
		a, ok := ParseAnswer(v.Authorization)
		if !ok || a.Scheme != SchemeBasic || a.Username != v.Username {
			t.Errorf("%s: read %+v, %v", v.Desc, a, ok)
		}
		if !a.Verify("GET", v.Password) || a.Verify("GET", "pass") || a.Verify("GET", "") {
			t.Errorf("%s: verifies wrongly", v.Desc)
		}
	}
}
