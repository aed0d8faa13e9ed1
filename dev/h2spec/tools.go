//go:build tools

// Package tools pins the version of h2spec and of everything it is built from. The end-to-end
// tests run it against the gateway; dev/setup.sh builds it into build/tools.
package tools

import _ "github.com/summerwind/h2spec/cmd/h2spec"
