"""``python -m grader.container [docker|podman]`` builds the image for grading in containers."""

from grader.sandbox.container import main

if __name__ == "__main__":
    main()
