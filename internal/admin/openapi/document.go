// Package openapi makes OpenAPI 3.1 documents of Go types. It knows what the admin
// API needs and no more.
package openapi

// Document is an OpenAPI document.
type Document struct {
	OpenAPI    string                `json:"openapi"`
	Info       Info                  `json:"info"`
	Servers    []Server              `json:"servers,omitempty"`
	Security   []map[string][]string `json:"security,omitempty"`
	Paths      map[string]Path       `json:"paths"`
	Components Components            `json:"components"`
}

// Info names a document.
type Info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}

// Server is what paths are below of.
type Server struct {
	URL string `json:"url"`
}

// Path holds operations by their method in lower case.
type Path map[string]*Operation

// Operation is one method of a path.
type Operation struct {
	OperationID string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	Parameters  []Parameter           `json:"parameters,omitempty"`
	RequestBody *Body                 `json:"requestBody,omitempty"`
	Responses   map[string]*Response  `json:"responses"`
	Security    []map[string][]string `json:"security,omitempty"`
	// Role is the least one that may use it.
	Role string `json:"x-role,omitempty"`
}

// Parameter is one of a path, a query or a header.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"` // path, query, header
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Body is what a request brings.
type Body struct {
	Required bool               `json:"required,omitempty"`
	Content  map[string]Content `json:"content"`
}

// Response is what an answer brings, or a reference to one.
type Response struct {
	Ref         string             `json:"$ref,omitempty"`
	Description string             `json:"description,omitempty"`
	Headers     map[string]Header  `json:"headers,omitempty"`
	Content     map[string]Content `json:"content,omitempty"`
}

// Header is one of an answer.
type Header struct {
	Description string  `json:"description,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Content is a body of one media type.
type Content struct {
	Schema *Schema `json:"schema"`
}

// Components is what references lead to.
type Components struct {
	Schemas         map[string]*Schema        `json:"schemas,omitempty"`
	Responses       map[string]*Response      `json:"responses,omitempty"`
	SecuritySchemes map[string]SecurityScheme `json:"securitySchemes,omitempty"`
}

// SecurityScheme is how clients prove who they are.
type SecurityScheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme,omitempty"`
	Description string `json:"description,omitempty"`
}
