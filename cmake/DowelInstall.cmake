# The installed package: find_package(dowel) and pkg-config dowel.
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dowel)
install(EXPORT dowel NAMESPACE dowel:: FILE dowelTargets.cmake DESTINATION ${config_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dowelConfig.cmake.in ${PROJECT_BINARY_DIR}/dowelConfig.cmake
    INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dowelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dowelConfig.cmake ${PROJECT_BINARY_DIR}/dowelConfigVersion.cmake DESTINATION ${config_dir})

if(BUILD_SHARED_LIBS)
    set(pc_libs "-ldowel")
    set(pc_private "")
else()
    get_property(libraries GLOBAL PROPERTY DOWEL_LIBRARIES)
    list(REMOVE_ITEM libraries dowel_cli)
    list(REVERSE libraries) # users before what they use
    set(pc_libs "-ldowel_cli -ldowel")
    foreach(library IN LISTS libraries)
        string(APPEND pc_libs " -l${library}")
    endforeach()
    string(APPEND pc_libs " -lcurl -ljwt -lssl -lcrypto -lsqlite3 -lexpat -lz -lpthread -ldl -lm")
    set(pc_private "libcurl sqlite3 libjwt openssl expat zlib")
endif()
# The file finds its own prefix, so that the installed folder may be moved.
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" up ${up})
    set(pc_prefix "\${pcfiledir}/${up}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/dowel.pc.in ${PROJECT_BINARY_DIR}/dowel.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/dowel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Where the shells look for them. The command prints them itself, so it must run on this machine.
if(NOT CMAKE_CROSSCOMPILING)
    set(completions ${PROJECT_BINARY_DIR}/completion)
    file(MAKE_DIRECTORY ${completions})
    foreach(shell IN ITEMS bash zsh fish)
        add_custom_command(OUTPUT ${completions}/dowel.${shell} COMMAND dowel_command completion ${shell} > ${completions}/dowel.${shell}
            DEPENDS dowel_command VERBATIM)
    endforeach()
    add_custom_target(dowel_completion ALL
        DEPENDS ${completions}/dowel.bash ${completions}/dowel.zsh ${completions}/dowel.fish)
    install(FILES ${completions}/dowel.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME dowel)
    install(FILES ${completions}/dowel.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _dowel)
    install(FILES ${completions}/dowel.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
