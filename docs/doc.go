// Package docs holds no code, only the tests that keep the documents beside it
// true. What is checked concerns the whole tree, so it lives with the text it
// is read from and in no one package:
//
//	deps_test.go       reads the block of allowed imports in architecture.md
//	                   and holds every package to it
//	line_test.go       type-checks the packages below the line and refuses what
//	                   would make them more than a function of their arguments
//	canary_test.go     shows that each forbidden thing is caught, and that what
//	                   merely looks like one is not
//	mentions_test.go   checks that what comments and documents name exists
//	steps_test.go      checks that every step of consensus.md names the tests
//	                   that show it
//	course_test.go     finds the lines that the course has its reader change
//	readme_test.go     runs the README's program
//	papermap_test.go   writes paper-map.md from the section marks in comments,
//	                   and fails when it is stale
//
// To write paper-map.md anew:
//
//	go generate ./docs
package docs

//go:generate go test -run TestPaperMapIsFresh -update .
