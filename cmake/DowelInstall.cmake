# The installed package: find_package(dowel) and pkg-config dowel.
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dowel)
install(EXPORT dowel NAMESPACE dowel:: FILE dowelTargets.cmake DESTINATION ${config_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dowelConfig.cmake.in ${PROJECT_BINARY_DIR}/dowelConfig.cmake
    INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dowelConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dowelConfig.cmake ${PROJECT_BINARY_DIR}/dowelConfigVersion.cmake DESTINATION ${config_dir})

set(pc_libs "-ldowel_cli -ldowel")
foreach(module IN LISTS DOWEL_CONNECTORS ITEMS blocks core)
    string(APPEND pc_libs " -ldowel_${module}")
endforeach()
# The file finds its own prefix, so that the installed folder may be moved.
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" up ${up})
    set(pc_prefix "\${pcfiledir}/${up}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/dowel.pc.in ${PROJECT_BINARY_DIR}/dowel.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/dowel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
