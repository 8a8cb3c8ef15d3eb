// kube-apiserver from its published modules. `go install` does not build k8s.io/kubernetes, because it replaces modules
// by folders of its repository; go.mod replaces them by their published versions instead.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
