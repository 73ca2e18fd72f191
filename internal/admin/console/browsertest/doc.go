// Package browsertest opens pages in headless Chromium and says what is wrong with
// them: errors of scripts, violations of the Content-Security-Policy, and what keeps
// people from using a page. It is for tests alone.
package browsertest
