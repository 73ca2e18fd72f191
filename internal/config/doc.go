// Package config reads the gateway's configuration file. It owns the way from
// YAML text to a complete Config: strict decoding, defaults, validation of what
// concerns several sections, the comparison of two configurations. It reports
// all problems of a file at once, each with its position.
//
// What a section means is not decided here: the section structs, their defaults
// and their validation live beside the code that uses them. The package starts
// nothing, opens no socket and reads no file but those that are named in the
// configuration. It is the only importer of a YAML library.
package config
