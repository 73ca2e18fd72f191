package stunsrv

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestIsConnectionRequest(t *testing.T) {
	good := string(wake("XTGRWIPC6D3IPXS3"))
	replace := func(old, by string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(good, old, by, 1)
	}
	cases := []struct {
		name, payload string
		want          bool
	}{
		{"vector U1", good, true},
		{"without Content-Length", replace("Content-Length: 0\r\n", ""), true},
		{"without headers", replace("Host: 10.1.1.1:8080\r\nContent-Length: 0\r\n", ""), true},
		{"FreeACS: milliseconds and a slash", replace("8080?ts=1120673700", "8080/?ts=1120673700000"), true},
		{"another order", replace("ts=1120673700&id=1234", "id=1234&ts=1120673700"), true},
		{"small letters", replace("C01DFE", "c01dfe"), true},
		{"HTTP/1.0", replace("HTTP/1.1", "HTTP/1.0"), true},
		{"user name encoded", replace("CPE57689", "a%20b"), true},
		{"no user name", replace("CPE57689", ""), true},
		{"255 bytes", replace("CPE57689", strings.Repeat("u", 8+255-len(good))), true},
		{"256 bytes", replace("CPE57689", strings.Repeat("u", 9+255-len(good))), false},
		{"empty", "", false},
		{"POST", replace("GET", "POST"), false},
		{"https", replace("http://", "https://"), false},
		{"relative URL", replace("http://10.1.1.1:8080", ""), false},
		{"a path", replace("8080?", "8080/x?"), false},
		{"no authority", replace("10.1.1.1:8080?", "?"), false},
		{"user info", replace("10.1.1.1:8080?", "u@10.1.1.1:8080?"), false},
		{"HTTP/2", replace("HTTP/1.1", "HTTP/2"), false},
		{"no ts", replace("ts=1120673700&", ""), false},
		{"no id", replace("id=1234&", ""), false},
		{"no un", replace("un=CPE57689&", ""), false},
		{"un alone", replace("un=CPE57689", "un"), false},
		{"no cn", replace("cn=XTGRWIPC6D3IPXS3&", ""), false},
		{"no sig", replace("&sig=C01DFE6666916EE92211384C1E28D3B63EC18E66", ""), false},
		{"cn empty", replace("XTGRWIPC6D3IPXS3", ""), false},
		{"ts twice", replace("ts=", "ts=1&ts="), false},
		{"one more", replace("ts=", "x=1&ts="), false},
		{"ts no number", replace("ts=1120673700", "ts=-1"), false},
		{"id too long", replace("id=1234", "id=12345678901"), false},
		{"sig short", replace("C01DFE", "C01DF"), false},
		{"sig no digits", replace("C01DFE", "X01DFE"), false},
		{"fragment", replace("CPE57689", "a#b"), false},
		{"no end", strings.TrimSuffix(good, "\r\n"), false},
		{"body", good + "x", false},
		{"body announced", replace("Content-Length: 0", "Content-Length: 1"), false},
		{"chunked", replace("Content-Length: 0", "Transfer-Encoding: chunked"), false},
		{"header broken", replace("Host:", "Host :"), false},
		{"header without a colon", replace("Host: ", ""), true}, // 10.1.1.1:8080 is a name and a value
		{"line without a colon", replace("Host: 10.1.1.1:8080", "Host"), false},
		{"LF alone", strings.ReplaceAll(good, "\r\n", "\n"), false},
		{"LF within", replace("Host: ", "Host: \n"), false},
		{"NUL", replace("CPE", "CP\x00"), false},
		{"not ASCII", replace("CPE", "CPé"), false},
		{"not UTF-8", replace("CPE", "CP\xff"), false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := isConnectionRequest([]byte(tc.payload)); got != tc.want {
				t.Errorf("%q: %v", tc.payload, got)
			}
		})
	}
}

// oracle is the grammar once more, but for the order and number of parameters.
var oracle = regexp.MustCompile(`^GET http://[!-"$-.0-?A-~]+/?\?((ts=[0-9]{1,13}|id=[0-9]{1,10}|un=[!-"$-%'-~]*|` +
	`cn=[!-"$-%'-~]+|sig=[0-9A-Fa-f]{40})(&|( HTTP/1\.[01]\r\n))){5}([!-9;-~]+:[ -~]*\r\n)*\r\n$`)

func FuzzIsConnectionRequest(f *testing.F) {
	f.Add(wake("XTGRWIPC6D3IPXS3"))
	f.Add(bytes.Replace(wake("x"), []byte("?"), []byte("/?"), 1))
	f.Add([]byte("GET http://a?ts=1&id=1&un=&cn=1&sig= HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if !isConnectionRequest(payload) {
			return
		}
		if len(payload) > maxConnectionRequest || !oracle.Match(payload) {
			t.Errorf("%q is no Connection Request", payload)
		}
		for _, name := range []string{"ts=", "id=", "un=", "cn=", "sig="} {
			if !bytes.Contains(payload, []byte(name)) {
				t.Errorf("%q has no %s", payload, name)
			}
		}
		if kind := classify(payload); kind != noise {
			t.Errorf("%q can be taken for STUN or TURN: %d", payload, kind)
		}
	})
}
