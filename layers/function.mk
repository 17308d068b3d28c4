# How every function is built: its modules, their bytecode, and the stamp of the layer. Without the stamp a new layer
# alone would make no new version of a function, and an alias would go on pointing at the old one.
include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))build.mk
SOURCE := $(dir $(abspath $(firstword $(MAKEFILE_LIST))))

build-%:
	cp "$(SOURCE)"*.py "$(ARTIFACTS_DIR)/"
	"$(PYTHON)" "$(LAYERS)stamp.py" > "$(ARTIFACTS_DIR)/layer-stamp"
	$(call compile,/var/task)
