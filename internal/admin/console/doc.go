// Package console is the web console: pages that the gateway renders itself, from
// templates and files that are part of the binary. It owns who is signed in, and
// nothing else: all that it shows and does goes through the functions of admin.API,
// with the roles and scopes of admin.Identity. It never looks at every device, and
// needs nothing from any other host.
package console
