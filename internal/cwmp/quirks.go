package cwmp

// Quirks are the deviations of one CPE model that the gateway compensates.
// The zero value changes nothing.
type Quirks struct {
	// StripXMLDeclaration removes the XML declaration from what the ACS sends
	// to models that cannot read it (quirk C-69).
	StripXMLDeclaration bool `yaml:"strip_xml_declaration"`
	// EmptyAs204 turns the ACS's "200, empty body" into 204 (quirk C-25).
	EmptyAs204 bool `yaml:"empty_as_204"`
	// EmptyAs200 turns the ACS's 204 into "200, empty body", for old models
	// that wait for a body (protocol notes 1.1).
	EmptyAs200 bool `yaml:"empty_as_200"`
	// CloseAtEnd closes the CPE's connection after the reply that ends the
	// session, for models that never close it themselves.
	CloseAtEnd bool `yaml:"close_at_end"`

	// NoSTUNChallenge never asks the STUN client to sign: that of RDK-B takes no
	// answer any more once it was asked (quirk S-06).
	NoSTUNChallenge bool `yaml:"no_stun_challenge"`
	// RequestMilliseconds writes the ts of UDP Connection Requests in
	// milliseconds, as FreeACS does (quirk S-33).
	RequestMilliseconds bool `yaml:"request_milliseconds"`
	// RequestSlash writes a "/" between address and query of UDP Connection
	// Requests (quirk S-31).
	RequestSlash bool `yaml:"request_slash"`
	// RequestBasic lets the model be answered with Basic authentication when it
	// asks for that on an HTTP Connection Request (quirk C-82).
	RequestBasic bool `yaml:"request_basic"`
}

// QuirkRule applies Quirks to the CPEs that match. Empty lists match all;
// entries are globs (* and ?), compared without regard to case.
type QuirkRule struct {
	Name            string   `yaml:"name"`
	Manufacturer    []string `yaml:"manufacturer"`
	OUI             []string `yaml:"oui"`
	ProductClass    []string `yaml:"product_class"`
	SoftwareVersion []string `yaml:"software_version"`
	Quirks          `yaml:",inline"`
}
