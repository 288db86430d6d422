package auth

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// The list of common passwords is derived by rules, which are our own text: gencommon has the
// words, the keyboard and what people append. It is not, and has no line of, a
// list of passwords that leaked.
//
//go:generate go run ./gencommon common.txt

//go:embed common.txt
var commonText string

// common are the lines of common.txt: lower case, sorted, each once. They share the memory of the text.
var common = sync.OnceValue(func() []string { return strings.Fields(commonText) })

// isCommon reports whether a password is on the list, in whatever case.
func isCommon(password string) bool {
	_, found := slices.BinarySearch(common(), strings.ToLower(password))
	return found
}
