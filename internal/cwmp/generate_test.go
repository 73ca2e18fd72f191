package cwmp

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// generator makes well-formed documents of CWMP's words, in and out of place,
// from the choices that bytes make.
type generator struct {
	choices []byte
	out     strings.Builder
	open    []string // qualified names
}

// pick takes the next choice out of n.
func (g *generator) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) oneOf(list ...string) string { return list[g.pick(len(list))] }

// document returns what the choices make, with all elements closed.
func (g *generator) document() []byte {
	g.out.WriteString(g.oneOf("", "\uFEFF", "\r\n", "<?xml version=\"1.0\"?>", " <?xml version='1.0' encoding='UTF-8'?>\n", "<!-- <Envelope> -->", "\uFEFF<?xml version=\"1.0\"?>"))
	for _, local := range [][]string{{"Envelope"}, {"Envelope", "Body", "Inform"}, {"Envelope", "Body"}, {"Envelope", "Body", "Inform", "DeviceId"}}[g.pick(4)] {
		g.start(local)
	}
	for len(g.choices) > 0 {
		g.step()
	}
	for len(g.open) > 0 {
		g.end()
	}
	return []byte(g.out.String())
}

func (g *generator) step() {
	switch g.pick(8) {
	case 0, 1, 2:
		g.start(g.name())
	case 3, 4:
		if len(g.open) > 0 {
			g.end()
		} else {
			g.start(g.oneOf("Envelope", "Envelope", "Other"))
		}
	case 5, 6:
		g.text()
	case 7:
		g.empty(g.name())
	}
}

// name is mostly one that belongs where the generator stands.
func (g *generator) name() string {
	at := nodeDocument
	for _, qualified := range g.open {
		_, local := splitName([]byte(qualified))
		at = at.child(local)
	}
	edges := grammar[at]
	i := g.pick(6*len(edges) + 2)
	switch {
	case i < 6*len(edges) && edges[i%len(edges)].local != "":
		return edges[i%len(edges)].local
	case i == 6*len(edges):
		return g.oneOf("URL", "FaultStruct", "FaultCode", "Download", "RebootResponse", "x")
	}
	n := node(g.pick(int(nodeCount)))
	if edges := grammar[n]; len(edges) > 0 {
		return edges[0].local + g.oneOf("", "", "x")
	}
	return "other"
}

func (g *generator) tag(local string) string {
	prefix := g.oneOf("", "cwmp:", "soap-env:", "x:", ":")
	if local == "" {
		local = "y"
	}
	g.out.WriteString("<" + prefix + local)
	for range g.pick(3) {
		g.out.WriteString(g.oneOf(` a="/>"`, ` xmlns="urn:d"`, "\nxmlns:cwmp = 'urn:c'", ` xmlns:x="urn:x&amp;y"`, ` xsi:type="xsd:int"`, ` type=' b '`, ` b='">'`, ` xmlns:cwmp=""`))
	}
	g.out.WriteString(g.oneOf("", " ", "\r\n"))
	return prefix + local
}

func (g *generator) start(local string) {
	name := g.tag(local)
	g.out.WriteString(">")
	g.open = append(g.open, name)
}

func (g *generator) empty(local string) {
	g.tag(local)
	g.out.WriteString("/>")
}

func (g *generator) end() {
	last := len(g.open) - 1
	g.out.WriteString("</" + g.open[last] + g.oneOf("", " ", "\n") + ">")
	g.open = g.open[:last]
}

func (g *generator) text() {
	g.out.WriteString(g.oneOf(
		"1", "true", "Device.X", " InternetGatewayDevice.Y\n", "00d09e", "2 PERIODIC", "a&amp;b&lt;&#x43;", "\r\n\t", "é中\U0001F600", "",
		"<![CDATA[<OUI>x</OUI>]]>", "<![CDATA[ a\r\nb ]]]]>", "<!-- <ID>no</ID> -->", "<?pi <ID> ?>", "a\rb", "&#13;&#10; ", "9005", "soap:Client", "]", "<?xml version='1.0'?>",
	))
}

// TestGenerated compares some thousands of generated documents, always the
// same, with encoding/xml; see FuzzGenerated for more.
func TestGenerated(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	compared, informs := 0, 0
	for range 5000 {
		choices := make([]byte, random.IntN(600))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		g := generator{choices: choices}
		body := g.document()
		if compareWithXML(t, body, Options{Params: everything, Elements: testPaths}) {
			compared++
		}
		checkRewrite(t, body, "", "a & é")
		if m, err := Scan(body, Options{}); err == nil && m.Method == MethodInform {
			informs++
		}
		if t.Failed() {
			t.Fatalf("in %q", body)
		}
	}
	if compared < 4000 || informs < 200 {
		t.Errorf("the generator is of no use: %d documents compared, %d Informs", compared, informs)
	}
}

// FuzzGenerated lets the fuzzer choose.
func FuzzGenerated(f *testing.F) {
	f.Add([]byte("\x00\x00\x00"))
	f.Add([]byte(strings.Repeat("\x00\x01\x02\x03\x04\x05\x06\x07", 20)))
	f.Fuzz(func(t *testing.T, choices []byte) {
		g := generator{choices: choices}
		body := g.document()
		opts := Options{Params: everything, Elements: testPaths}
		compareWithXML(t, body, opts)
		checkSpans(t, body, opts)
		checkRewrite(t, body, "", "a & é")
		if t.Failed() {
			t.Logf("in %q", body)
		}
	})
}
