package browsertest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Page is a page of a browser. Its methods end the test where the browser fails.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex
	errors []string
}

// listen collects what the browser complains of.
func (p *Page) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.note("exception: %s%s", e.ExceptionDetails.Text, describe(e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text := ""
			for i := range e.Args {
				text += " " + string(e.Args[i].Value)
			}
			p.note("console.%s:%s", e.Type, text)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.note("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text)
		}
	}
}

func (p *Page) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors = append(p.errors, fmt.Sprintf(format, args...))
}

// Errors returns what the browser has complained of since the last call: exceptions,
// errors and warnings of scripts, answers with an error, and violations of the
// Content-Security-Policy.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	errors := slices.Clone(p.errors)
	p.errors = nil
	return errors
}

// Run does actions of chromedp.
func (p *Page) Run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	get(p, chromedp.Steps(actions...))
}

// get does an action of chromedp and returns its value. Pages replace parts of
// themselves, so what was found may be gone a moment later; then it is done again.
func get[T any](p *Page, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	for {
		value, err := chromedp.Run(ctx, action)
		if err == nil {
			return value
		}
		if ctx.Err() != nil || !replaced(err) {
			p.t.Fatalf("browser: %v", err)
		}
	}
}

// replaced tells whether an action failed because the page has changed meanwhile.
func replaced(err error) bool {
	for _, text := range []string{"No node", "node with given id", "not belong to the document", "not have a layout object"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// send sends a command of the Chrome DevTools Protocol.
func send[P, R any](p *Page, command cdp.Command[P, R], params P) {
	p.t.Helper()
	p.Run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	}))
}

// Go opens an address and waits until it is loaded.
func (p *Page) Go(url string) {
	p.t.Helper()
	p.Run(chromedp.Navigate(url))
}

// Login signs in with a token at the console that is at base, such as
// http://127.0.0.1:8080. Whether that succeeded is to be seen on the page.
func (p *Page) Login(base, token string) {
	p.t.Helper()
	p.Go(base + "/login")
	p.Type("#token", token)
	p.Follow("form button:not([name])")
}

// Type types text into what a selector finds.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.Run(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Click clicks on what a selector finds.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Run(chromedp.Click(chromedp.CSS(selector)))
}

// Follow clicks on what leads to another page, and waits until that is loaded.
func (p *Page) Follow(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("browser: click on %s: %v", selector, err)
	}
}

// Wait waits until there is something that a selector finds and that can be seen.
func (p *Page) Wait(selector string) {
	p.t.Helper()
	p.Run(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Text returns the text of what a selector finds, as it is seen.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	p.Wait(selector)
	return Evaluate[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// Location returns the address of the page.
func (p *Page) Location() string {
	p.t.Helper()
	return get(p, chromedp.Location())
}

// Evaluate returns the value of an expression in the page's script.
func Evaluate[T any](p *Page, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression))
}

// Screenshot writes the page, as long as it is, to a PNG file.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	if err := os.WriteFile(path, get(p, chromedp.FullScreenshot(100)), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func describe(o *runtime.RemoteObject) string {
	if o == nil || o.Description == "" {
		return ""
	}
	return ": " + o.Description
}
