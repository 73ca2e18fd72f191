package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the command line and returns its exit code and output.
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = program().Dispatch(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// lineWriter hands the first line to a channel and keeps the rest.
type lineWriter struct {
	first chan string
	buf   bytes.Buffer
}

func (w *lineWriter) Write(b []byte) (int, error) {
	if w.buf.Len() == 0 {
		w.first <- string(b)
	}
	return w.buf.Write(b)
}

// startACS runs "cpesim acs" until the returned function is called, which
// returns its output.
func startACS(t *testing.T, args ...string) (url string, stop func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := &lineWriter{first: make(chan string, 1)}
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- program().Dispatch(ctx, append([]string{"acs", "-listen", "127.0.0.1:0"}, args...), out, &errs)
	}()
	stop = func() string {
		cancel()
		if c := <-code; c != commandline.ExitOK {
			t.Errorf("acs ends with %d: %s", c, errs.String())
		}
		return out.buf.String()
	}
	select {
	case line := <-out.first:
		return regexp.MustCompile(`https?://\S+`).FindString(line), stop
	case c := <-code:
		cancel()
		t.Fatalf("acs ends with %d: %s", c, errs.String())
		return "", nil
	}
}

func TestCPEAgainstACS(t *testing.T) {
	url, stop := startACS(t, "-auth", "digest", "-user", "u", "-pass", "p", "-script", "GetParameterValues {root}DeviceInfo.SoftwareVersion")
	code, out, errs := run(t, "cpe", "-url", url, "-n", "13", "-make", "generic,easycwmp,netcwmp", "-user", "u", "-pass", "p", "-v")
	if code != commandline.ExitOK || !strings.Contains(out, "13 of 13 sessions succeeded") || strings.Count(out, "GetParameterValues") != 13 {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	log := stop()
	for _, want := range []string{"13 of 13 sessions complete", "acs: Inform of 00D09E-HG100-GEN000001, 0 BOOTSTRAP, 1 BOOT", "13 challenges"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
}

func TestFailedSessionsFail(t *testing.T) {
	url, stop := startACS(t, "-strict", "-no-reason", "-q")
	defer stop()
	code, out, _ := run(t, "cpe", "-url", url, "-n", "2", "-make", "netcwmp")
	if code != commandline.ExitFailure || !strings.Contains(out, "2 x quirk C-22, such as: quirk C-22: status line") {
		t.Errorf("code %d\n%s", code, out)
	}
}

func TestSummaryAsJSON(t *testing.T) {
	url, stop := startACS(t, "-q")
	defer stop()
	_, out, _ := run(t, "cpe", "-url", url, "-n", "3", "-json", "-sessions", "2")
	var s simnet.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Succeeded != 6 || s.Session.P50 == 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestOverTLS(t *testing.T) {
	dir := t.TempDir()
	ca := tlstest.Must(tlstest.NewCA("cpesim test"))
	leaf := tlstest.Must(ca.Issue(tlstest.Spec{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, RSA: true}))
	cert, key, err := leaf.WriteFiles(dir, "acs")
	if err != nil {
		t.Fatal(err)
	}
	caFile := tlstest.Must(ca.WriteFile(dir, "ca"))
	url, stop := startACS(t, "-cert", cert, "-key", key, "-tls-min", "1.0", "-q")
	defer stop()
	for name, args := range map[string][]string{
		"modern": {"-ca", caFile}, "old": {"-ca", caFile, "-tls-max", "1.0"}, "unverified": {"-insecure", "-no-sni"},
	} {
		code, out, errs := run(t, append([]string{"cpe", "-url", url, "-n", "2"}, args...)...)
		if code != commandline.ExitOK {
			t.Errorf("%s: code %d\n%s%s", name, code, out, errs)
		}
	}
	if code, out, _ := run(t, "cpe", "-url", url, "-n", "1"); code != commandline.ExitFailure || !strings.Contains(out, "tls handshake") {
		t.Errorf("unknown CA: code %d\n%s", code, out)
	}
}

// TestUsage: mistakes end with 2 and say what to do.
func TestUsage(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("Dance"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "http://127.0.0.1:1/"
	tests := []struct {
		args string
		want string
	}{
		{"", ""},
		{"dance", `there is no command "dance"`},
		{"cpe", "-url is missing"},
		{"cpe -url acs.example", "want http://host:port/path"},
		{"cpe -n 3 more", `takes flags only, not "more"`},
		{"cpe -nope", "cpesim cpe -h lists the flags"},
		{"cpe -url " + url + " -n 0", "want at least 1"},
		{"cpe -url " + url + " -sessions -1", "need a time limit"},
		{"cpe -url " + url + " -rate -1", "cannot be negative"},
		{"cpe -url " + url + " -make generic,foo", `there is no make "foo"`},
		{"cpe -url " + url + " -auth ntlm", "want one of any, basic, digest, none"},
		{"cpe -url " + url + " -auth digest", "needs -user and -pass"},
		{"cpe -url " + url + " -cookies maybe", "-cookies"},
		{"cpe -url " + url + " -connection two", "-connection"},
		{"cpe -url " + url + " -source here", `"here" is not an address`},
		{"cpe -url " + url + " -ca /nonexistent", "-ca: open /nonexistent"},
		{"cpe -url " + url + " -ca " + script, "no PEM certificate"},
		{"cpe -url " + url + " -cert a", "belong together"},
		{"cpe -url " + url + " -cert a -key b", `-cert "a", -key "b"`},
		{"cpe -url " + url + " -tls-max 1.4", "want one of 1.0, 1.1, 1.2, 1.3"},
		{"acs -mode loose", "want lenient, strict or freeacs"},
		{"acs -auth basic", "needs -user and -pass"},
		{"acs -auth ntlm", "-auth"},
		{"acs -script Dance", "script line 1"},
		{"acs -script @" + script, "script line 1"},
		{"acs -script @/nonexistent", "-script: open"},
		{"acs -tls-min 9", "-tls-min"},
	}
	for _, tt := range tests {
		code, _, errs := run(t, strings.Fields(tt.args)...)
		if code != commandline.ExitUsage || !strings.Contains(errs, tt.want) {
			t.Errorf("%q: code %d, %q", tt.args, code, errs)
		}
		if errs != "" && !strings.HasPrefix(errs, "cpesim: error: ") {
			t.Errorf("%q: %q", tt.args, errs)
		}
	}
}

func TestHelp(t *testing.T) {
	for args, want := range map[string]string{"help": "cpesim acs -script", "cpe -h": "-make", "acs -help": "-strict", "version -h": "Usage: cpesim version"} {
		code, out, errs := run(t, strings.Fields(args)...)
		if code != commandline.ExitOK || !strings.Contains(out+errs, want) || strings.Count(out+errs, "Usage:") != 1 {
			t.Errorf("%q: code %d\n%s%s", args, code, out, errs)
		}
	}
	if code, out, _ := run(t, "version"); code != commandline.ExitOK || !strings.HasPrefix(out, "cpesim ") {
		t.Errorf("version: %d, %q", code, out)
	}
	if code, out, _ := run(t, "makes"); code != commandline.ExitOK || strings.Count(out, "\n") != len(simnet.Makes()) {
		t.Errorf("makes: %d\n%s", code, out)
	}
}

func TestBusyAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	code, _, errs := run(t, "acs", "-listen", listener.Addr().String())
	if code != commandline.ExitFailure || !strings.Contains(errs, "choose another address with -listen") {
		t.Errorf("code %d, %q", code, errs)
	}
	if code, out, errs := run(t, "acs", "-listen", "127.0.0.1:0", "-for", "1ms", "-json"); code != commandline.ExitOK || !json.Valid([]byte(out)) {
		t.Errorf("code %d, %q %q", code, out, errs)
	}
}
