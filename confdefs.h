/* confdefs.h */
#define PACKAGE_NAME "jeebs"
#define PACKAGE_TARNAME "jeebs"
#define PACKAGE_VERSION "0.1"
#define PACKAGE_STRING "jeebs 0.1"
#define PACKAGE_BUGREPORT ""
#define PACKAGE_URL ""
