package browsertest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// flawed has at least one of each flaw.
const flawed = `<!doctype html><html><head><title>x</title></head><body>
<main><h1>One</h1><h3>Three</h3><p id="a" style="color:#999;background:#fff">grey</p><p id="a">twice</p>
<input><input placeholder="x" aria-label="x"><button></button><a href="/"></a><img src="/x.png">
<svg width="9" height="9"></svg><section>nameless</section><table><tr><td style="display:block">x</td></tr></table><p aria-labelledby="gone">x</p>
<div style="overflow:auto;height:20px"><p style="height:90px">scrolls</p></div>
<div style="width:3000px">wide</div></main><script>console.error("oops")</script><script>throw new Error("thrown")</script></body></html>`

// TestCheck_FindsFlaws holds what checks every page to what it should find.
func TestCheck_FindsFlaws(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/x.png":
			http.NotFound(w, r)
		case "/policy":
			w.Header().Set("Content-Security-Policy", "script-src 'none'")
			fallthrough
		default:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(flawed))
		}
	}))
	defer server.Close()
	p := Start(t).Open(t, Phone)
	p.Go(server.URL + "/")
	flaws := strings.Join(p.Flaws(), "\n")
	for _, want := range []string{
		"no language", "follows a heading of level 1", "the id a stands twice", "#gone, which is not there", "<input class=\"\"> \"\" has no label",
		"<button class=\"\"> \"\" has no name", "<a class=\"\"> \"\" has no name", "has no alt", "neither hidden nor an image", "a region without a name",
		"has no headings", "is displayed as block, and has no role", "scrolls and takes no focus", "px wider than the window", "has a contrast of 2.8",
	} {
		if !strings.Contains(flaws, want) {
			t.Errorf("%q is not among the flaws:\n%s", want, flaws)
		}
	}
	errors := strings.Join(p.Errors(), "\n")
	for _, want := range []string{"oops", "thrown", "404"} {
		if !strings.Contains(errors, want) {
			t.Errorf("%q is not among the errors:\n%s", want, errors)
		}
	}
	p.Go(server.URL + "/policy")
	if errors := strings.Join(p.Errors(), "\n"); !strings.Contains(errors, "Content Security Policy") {
		t.Errorf("a violation of the policy is not among the errors:\n%s", errors)
	}
}
