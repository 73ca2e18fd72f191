package console

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/admin"
)

// page is what every page has.
type page struct {
	Title  string
	Nav    string // the part of the console that it belongs to
	Charts bool   // it draws charts
	Body   any    // what it alone has

	Path            string // of the page itself, with its query
	Theme, CSRF     string
	Who             admin.Identity
	Operator, Admin bool // what the identity may
	Limited         bool // to some devices
	Notice          notice
	Links           []link
}

// link is an entry of the navigation.
type link struct {
	Path, Name, Icon string
	Gap              bool   // before it
	whole            bool   // it is about the whole gateway
	role             string // that it needs, if not every one
}

var links = []link{
	{Path: "/", Name: "Overview", Icon: "gauge"},
	{Path: "/devices", Name: "Devices", Icon: "router"},
	{Path: "/sessions", Name: "Sessions", Icon: "pulse"},
	{Path: "/acs", Name: "ACSs", Icon: "server", whole: true},
	{Path: "/campaigns", Name: "Campaigns", Icon: "flag", whole: true},
	{Path: "/nat", Name: "NAT", Icon: "nat"},
	{Path: "/events", Name: "Events", Icon: "list"},
	{Path: "/certificates", Name: "Certificates", Icon: "lock", Gap: true, whole: true},
	{Path: "/configuration", Name: "Configuration", Icon: "sliders", whole: true, role: admin.RoleOperator},
	{Path: "/audit", Name: "Audit", Icon: "eye", whole: true, role: admin.RoleAdmin},
}

// choice is a select.
type choice struct {
	Name, ID string
	Options  []option
}

// loadTemplates reads one set for each page: the layout, the parts, and the page. It
// panics where one is broken.
func loadTemplates(c *Console) map[string]*template.Template {
	base := template.New("").Funcs(c.functions())
	for _, name := range glob("templates/shared/*.html") {
		parse(base, name)
	}
	all := map[string]*template.Template{}
	for _, name := range glob("templates/*.html") {
		all[strings.TrimSuffix(path.Base(name), ".html")] = parse(template.Must(base.Clone()), name)
	}
	return all
}

func glob(pattern string) []string {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		panic(err)
	}
	return names
}

// parse adds a file to a set of templates.
func parse(set *template.Template, name string) *template.Template {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err)
	}
	template.Must(set.Parse(tableRoles.Replace(string(text))))
	return set
}

// tableRoles say to assistive technology what the elements of tables are. Browsers
// forget it where a style displays them in another way, as on phones.
var tableRoles = strings.NewReplacer(
	"<table", `<table role="table"`, "<thead", `<thead role="rowgroup"`, "<tbody", `<tbody role="rowgroup"`, "<tr", `<tr role="row"`,
	`<th scope="col"`, `<th role="columnheader" scope="col"`, `<th scope="row"`, `<th role="rowheader" scope="row"`,
	"<td", `<td role="cell"`,
)

func (c *Console) functions() template.FuncMap {
	return template.FuncMap{
		"static": c.assets.url, "icon": icon, "path": url.PathEscape,
		"ago": func(at any) template.HTML { return relative(at, c.now()) },
		"num": number, "bytes": bytesText, "ms": milliseconds, "secs": seconds, "words": words, "nat": natName, "lower": strings.ToLower,
		"fault": func(said string) bool { return strings.HasPrefix(said, "Fault") },
		"join":  strings.Join, "tone": tone, "percent": percent, "progress": progressOf, "inc": func(n int) int { return n + 1 },
		"choice": func(name, id string, options []option) choice { return choice{name, id, options} },
	}
}

// show answers with a page.
func (c *Console) show(v *visit, name string, p page) error {
	c.page(v, http.StatusOK, name, p)
	return nil
}

func (c *Console) page(v *visit, status int, name string, p page) {
	c.render(v.w, status, name, "layout", c.fill(v, p))
}

// fragmentOf answers with one template of a page that needs what the page has.
func (c *Console) fragmentOf(v *visit, name, part string, p page) {
	c.render(v.w, http.StatusOK, name, part, c.fill(v, p))
}

// fill adds what every page has.
func (c *Console) fill(v *visit, p page) page {
	p.Path, p.Theme, p.CSRF, p.Who = v.r.URL.RequestURI(), theme(v.r), v.session.csrf, v.who
	p.Operator, p.Admin = v.who.May(admin.RoleOperator), v.who.May(admin.RoleAdmin)
	p.Limited = !v.who.Scope.Whole()
	for _, l := range links {
		if (!l.whole || !p.Limited) && (l.role == "" || v.who.May(l.role)) {
			p.Links = append(p.Links, l)
		}
	}
	if !v.partial() {
		p.Notice = c.sessions.noted(v.session)
	}
	return p
}

// fragment answers with one template of a page.
func (c *Console) fragment(v *visit, status int, name, part string, data any) {
	c.render(v.w, status, name, part, data)
}

// render answers with a template, or with an error and nothing of it.
func (c *Console) render(w http.ResponseWriter, status int, name, part string, data any) {
	var out bytes.Buffer
	if err := c.templates[name].ExecuteTemplate(&out, part, data); err != nil {
		c.log.Error("page cannot be rendered", zap.String("page", name), zap.Error(err))
		http.Error(w, "The page cannot be shown. The log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// extend lets an answer take longer than the listener's own bound. Deadlines are
// those of the machine's clock, whatever the console's is.
func extend(w http.ResponseWriter, by time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(by))
}
