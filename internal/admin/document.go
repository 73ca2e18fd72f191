package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin/openapi"
	"github.com/acsgate/acsgate/internal/journal"
)

// openAPI returns the OpenAPI document of the table of endpoints.
func (a *API) openAPI() []byte {
	a.described.Do(func() {
		text, err := json.MarshalIndent(document(a.endpoints()), "", "  ")
		if err != nil {
			panic(err) // a table of strings and types
		}
		a.description = append(text, '\n')
	})
	return a.description
}

const documentAbout = `Devices, sessions, ACSs, campaigns and events of a CWMP gateway.

Every error is a problem document (RFC 9457). Unknown query parameters and unknown fields are refused.
A device is named OUI-ProductClass-Serial or OUI-Serial, in which every byte but A-Z a-z 0-9 . _ ~ is written as %XX; that form stands in paths as it is.`

// document describes endpoints.
func document(endpoints []endpoint) *openapi.Document {
	schemas := openapi.NewSchemas()
	d := &openapi.Document{
		OpenAPI:  "3.1.0",
		Info:     openapi.Info{Title: "acsgate admin API", Version: "v1", Description: documentAbout},
		Servers:  []openapi.Server{{URL: strings.TrimSuffix(PathAPI, "/")}},
		Security: []map[string][]string{{"token": {}}, {"certificate": {}}},
		Paths:    map[string]openapi.Path{},
		Components: openapi.Components{
			Schemas: schemas.Components,
			SecuritySchemes: map[string]openapi.SecurityScheme{
				"token":       {Type: "http", Scheme: "bearer", Description: "A token of admin.tokens."},
				"certificate": {Type: "mutualTLS", Description: "A client certificate that admin.tokens names."},
			},
			Responses: map[string]*openapi.Response{"Problem": {
				Description: "Why it was not done.",
				Content:     map[string]openapi.Content{"application/problem+json": {Schema: openapi.Reference("Error")}},
			}},
		},
	}
	addErrors(schemas)
	addEvents(schemas)
	for i := range endpoints {
		e := &endpoints[i]
		path := "/" + e.path
		if d.Paths[path] == nil {
			d.Paths[path] = openapi.Path{}
		}
		d.Paths[path][strings.ToLower(e.method)] = operation(e, schemas)
	}
	return d
}

// addErrors adds the schema of problem, whose name in Go is not for others.
func addErrors(schemas *openapi.Schemas) {
	schemas.Of(reflect.TypeFor[problem]())
	all := schemas.Components
	all["Error"], all["BadField"] = all["problem"], all["fieldProblem"]
	delete(all, "problem")
	delete(all, "fieldProblem")
	all["Error"].Properties["errors"].Items = openapi.Reference("BadField")
}

// event is the document of an event as readers get it.
type event struct {
	ID     uint64    `json:"id"`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Device string    `json:"device,omitempty"`
	ACS    string    `json:"acs,omitempty"`
	Text   string    `json:"text"`
	Data   any       `json:"data,omitempty"`
}

// addEvents adds the schemas of events and of what each kind brings.
func addEvents(schemas *openapi.Schemas) {
	schemas.Of(reflect.TypeFor[event]())
	all := schemas.Components
	all["Event"] = all["event"]
	delete(all, "event")
	data := &openapi.Schema{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[journal.Inform](), reflect.TypeFor[journal.Session](), reflect.TypeFor[journal.Binding](),
		reflect.TypeFor[journal.ConnectionRequest](), reflect.TypeFor[journal.Injection](), reflect.TypeFor[journal.Move](),
		reflect.TypeFor[journal.ACSState](), reflect.TypeFor[journal.CampaignStep](), reflect.TypeFor[journal.Certificate](),
		reflect.TypeFor[journal.Audit](),
	} {
		data.AnyOf = append(data.AnyOf, schemas.Of(t))
	}
	all["Event"].Properties["data"] = data
	for _, kind := range journal.Kinds() {
		all["Event"].Properties["kind"].Enum = append(all["Event"].Properties["kind"].Enum, string(kind))
	}
}

func operation(e *endpoint, schemas *openapi.Schemas) *openapi.Operation {
	op := &openapi.Operation{
		OperationID: e.id, Summary: e.summary, Description: e.about, Role: e.role,
		Parameters: parameters(e), Responses: map[string]*openapi.Response{"default": {Ref: "#/components/responses/Problem"}},
	}
	if e.whole {
		op.Description = strings.TrimSpace(op.Description + " A token with a scope may not.")
	}
	if e.role == "" {
		op.Security = []map[string][]string{{}}
	}
	if e.body != nil {
		op.RequestBody = &openapi.Body{
			Required: !e.optional,
			Content:  map[string]openapi.Content{"application/json": {Schema: schemas.Of(reflect.TypeOf(e.body))}},
		}
	}
	status := e.status
	if status == 0 {
		status = http.StatusOK
	}
	response := &openapi.Response{Description: http.StatusText(status)}
	media := e.media
	if media == "" {
		media = "application/json"
	}
	switch {
	case e.answer != nil:
		response.Content = map[string]openapi.Content{media: {Schema: schemas.Of(reflect.TypeOf(e.answer))}}
	case media == "application/json" && e.media != "":
		response.Content = map[string]openapi.Content{media: {Schema: &openapi.Schema{Type: "object"}}}
	case e.media == "text/event-stream":
		response.Content = map[string]openapi.Content{media: {Schema: &openapi.Schema{
			Type: "string", Description: "The data of each event is an Event of this document's schemas.",
		}}}
	case e.media != "":
		response.Content = map[string]openapi.Content{media: {Schema: &openapi.Schema{Type: "string"}}}
	}
	if e.etag {
		response.Headers = map[string]openapi.Header{"ETag": {Description: "For If-Match.", Schema: &openapi.Schema{Type: "string"}}}
	}
	op.Responses[strconv.Itoa(status)] = response
	return op
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// parameters returns those of the path, the query and the header.
func parameters(e *endpoint) (all []openapi.Parameter) {
	for _, match := range pathParameter.FindAllStringSubmatch(e.path, -1) {
		all = append(all, openapi.Parameter{Name: match[1], In: "path", Required: true, Schema: &openapi.Schema{Type: "string"}})
	}
	for i := range e.query {
		p := &e.query[i]
		all = append(all, openapi.Parameter{Name: p.name, In: "query", Description: p.about, Schema: p.schema()})
	}
	if e.match {
		all = append(all, openapi.Parameter{
			Name: "If-Match", In: "header", Required: true, Schema: &openapi.Schema{Type: "string"},
			Description: "The ETag of what was read, or * to write whatever is there. 428 without it, 412 where it has changed.",
		})
	}
	if e.once {
		all = append(all, openapi.Parameter{
			Name: headerKey, In: "header", Schema: &openapi.Schema{Type: "string"},
			Description: "A word of the client's choice. The same request with the same one is answered as before, with " + headerReplay + ", and does nothing again.",
		})
	}
	if e.media == "text/event-stream" {
		all = append(all, openapi.Parameter{
			Name: "Last-Event-ID", In: "header", Schema: &openapi.Schema{Type: "integer"}, Description: "Resume after this event.",
		})
	}
	return all
}

// schema describes what a parameter may be.
func (p *parameter) schema() *openapi.Schema {
	s := &openapi.Schema{Type: "string"}
	switch p.kind {
	case numberKind:
		s.Type, s.Minimum, s.Maximum = "integer", &p.least, &p.most
		if n, err := strconv.Atoi(p.preset); err == nil {
			s.Default = n
		}
		return s
	case flagKind:
		s.Type = "boolean"
	case choiceKind:
		s.Enum = p.choices
	case choicesKind:
		one := "(" + strings.Join(p.choices, "|") + ")"
		s.Pattern = "^" + one + "(," + one + ")*$"
	}
	if p.preset != "" {
		s.Default = p.preset
	}
	return s
}
