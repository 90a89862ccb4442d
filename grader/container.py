"""``python -m grader.container [docker|podman] [--base IMAGE]`` builds the image for grading."""

from grader.sandbox.container import main

if __name__ == "__main__":
    main()
